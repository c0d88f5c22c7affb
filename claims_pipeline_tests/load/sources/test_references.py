"""What a reference leads to: the one resource that it means, or a refusal that says what to do."""

from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import LoadOptions
from claims_pipeline.load.sources.files import read_files
from claims_pipeline_tests.load.sources.samples import (
    JsonObject,
    bodies,
    bundle,
    ndjson,
    observation,
    patient,
    post,
    reading,
    refusals,
)

SERVER = "http://127.0.0.1:8080/fhir"
EHR = "https://ehr.example.org/fhir"
CLINICS = "http://example.org/clinics"


def subject(resource: JsonObject) -> Any:
    return resource["subject"]["reference"]


def put(resource: JsonObject, full_url: str) -> JsonObject:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}}


def test_what_refers_to_one_full_url_of_two_resources_is_refused(tmp_path: Path) -> None:
    entries = bundle(
        put(patient("p1"), "urn:uuid:aa"),
        put(patient("p2"), "urn:uuid:aa"),
        put(observation("o1", "urn:uuid:aa"), "urn:uuid:bb"),
    )

    with reading(tmp_path, a__json=entries) as found:
        assert sorted(bodies(found)) == ["Patient/p1", "Patient/p2"]
        ((source, reason),) = refusals(found)

    assert source.startswith("a.json:")
    assert reason == "refers to urn:uuid:aa, the fullUrl of 2 resources of its Bundle: give each its own"


@pytest.mark.heavy
def test_the_same_resource_twice_under_one_full_url_is_no_doubt(tmp_path: Path) -> None:
    entries = bundle(
        put(patient("p1"), "urn:uuid:aa"),
        put(patient("p1"), "urn:uuid:aa"),
        put(observation("o1", "urn:uuid:aa"), "urn:uuid:bb"),
    )

    with reading(tmp_path, a__json=entries) as found:
        assert subject(bodies(found)["Observation/o1"]) == "Patient/p1"


@pytest.mark.heavy
def test_all_urns_that_no_entry_of_the_bundle_has_are_named(tmp_path: Path) -> None:
    lost = observation("o1", "urn:uuid:bb", performer=[{"reference": "urn:uuid:aa"}, {"reference": "urn:uuid:cc"}])
    entries = bundle(post(patient("p1"), "urn:uuid:cc"), post(lost, "urn:uuid:dd"))

    with reading(tmp_path, a__json=entries, b__json=bundle(post(patient("p2"), "urn:uuid:bb"))) as found:
        assert sorted(bodies(found)) == ["Patient/p1", "Patient/p2"]
        ((_, reason),) = refusals(found)

    assert reason == ("refers to urn:uuid:aa, which is not in the input; and to urn:uuid:bb, which is not in the input")


@pytest.mark.heavy
@pytest.mark.parametrize("version", ["", "/_history/3"])
@pytest.mark.parametrize("base", [SERVER, EHR])
def test_an_absolute_reference_to_the_export_or_the_server_becomes_relative(
    tmp_path: Path, base: str, version: str
) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(observation("o1", f"{base}/Patient/p1{version}"), patient("p1")))

    with read_files([str(tmp_path / "a.ndjson")], tmp_path / "spool", server_base=f"{SERVER}/") as found:
        assert subject(bodies(found)["Observation/o1"]) == "Patient/p1"


@pytest.mark.heavy
def test_an_absolute_reference_to_the_server_may_lead_to_what_only_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(observation("o1", f"{SERVER.upper()[:21]}/fhir/Patient/held")))

    with read_files([str(tmp_path / "a.ndjson")], tmp_path / "spool", server_base=SERVER) as found:
        assert subject(bodies(found)["Observation/o1"]) == "Patient/held"


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ([f"{EHR}/Patient/p2"], "Patient/p2 of another server: load it too, or refer to it as Patient/p2"),
        (["https://example.org/about?q=secret"], "an absolute URL that is not the address of a resource"),
        (
            [f"{EHR}/Patient/p1", "https://other.example.org/fhir/Patient/p1"],
            "Patient/p1 of one of several servers: refer to it as Patient/p1",
        ),
    ],
)
def test_a_reference_to_another_server_is_refused_with_a_remedy(
    tmp_path: Path, references: list[str], reason: str
) -> None:
    lines = [observation(f"o{number}", reference) for number, reference in enumerate(references)]

    with reading(tmp_path, a__ndjson=ndjson(patient("p1"), *lines)) as found:
        assert list(bodies(found)) == ["Patient/p1"]
        assert [said for _, said in refusals(found)] == [f"refers to {reason}"] * len(references)


@pytest.mark.heavy
def test_a_resource_whose_full_url_is_known_is_not_taken_for_that_of_another_server(tmp_path: Path) -> None:
    entries = bundle(
        {"fullUrl": f"{EHR}/Patient/p1", "resource": patient("p1")},
        {"fullUrl": f"{EHR}/Observation/o1", "resource": observation("o1", f"{EHR}/Patient/p1/_history/2")},
        {"fullUrl": f"{EHR}/Observation/o2", "resource": observation("o2", "https://other.example.org/Patient/p1")},
        kind="collection",
    )

    with reading(tmp_path, a__json=entries, b__ndjson=ndjson(observation("o3", f"{EHR}/Patient/p1"))) as found:
        resources = bodies(found)
        assert len(refusals(found)) == 1

    assert subject(resources["Observation/o1"]) == subject(resources["Observation/o3"]) == "Patient/p1"
    assert "Observation/o2" not in resources


@pytest.mark.heavy
def test_contained_and_conditional_references_are_left_as_they_are(tmp_path: Path) -> None:
    performers = [{"reference": "#c1"}, {"reference": "Practitioner?identifier=npi|1"}]
    content = ndjson(patient("p1"), observation("o1", "Patient/p1", performer=performers))

    with reading(tmp_path, a__ndjson=content) as found:
        assert bodies(found)["Observation/o1"]["performer"] == performers
        assert refusals(found) == []


def test_a_urn_in_an_element_of_type_url_leads_to_its_entry_and_in_text_stays(tmp_path: Path) -> None:
    scan = {"resourceType": "Binary", "contentType": "application/pdf", "id": "b1"}
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:aa"}],
        "extension": [
            {"url": "http://example.org/x", "valueUri": "urn:uuid:aa"},
            {"url": "http://example.org/y", "valueString": "urn:uuid:aa"},
        ],
        "content": [{"attachment": {"url": "urn:uuid:aa", "size": 12}}, {"attachment": {"url": "urn:uuid:nobody"}}],
    }
    entries = bundle(post(scan, "urn:uuid:aa"), post(document, "urn:uuid:bb"))

    with reading(tmp_path, a__json=entries) as found:
        loaded = bodies(found)["DocumentReference/d1"]

    assert [one["attachment"]["url"] for one in loaded["content"]] == ["Binary/b1", "urn:uuid:nobody"]
    assert loaded["extension"][0]["valueUri"] == "Binary/b1"
    assert loaded["extension"][1]["valueString"] == loaded["identifier"][0]["value"] == "urn:uuid:aa"


def clinic(uuid: str, *, own_id: str = "", **request: str) -> JsonObject:
    """Return a Bundle with a conditional create of one clinic, and a location of it."""
    organization = {"resourceType": "Organization", "identifier": [{"system": CLINICS, "value": "c1"}], "name": "C"}
    condition = {"method": "POST", "url": "Organization", "ifNoneExist": f"identifier={CLINICS}|c1"}
    location = {
        "resourceType": "Location",
        "id": f"l-{uuid}",
        "managingOrganization": {"reference": f"urn:uuid:{uuid}"},
    }
    return bundle(
        {
            "fullUrl": f"urn:uuid:{uuid}",
            "resource": organization | ({"id": own_id} if own_id else {}),
            "request": condition | request,
        },
        post(location, f"urn:uuid:l-{uuid}"),
    )


@pytest.mark.heavy
@pytest.mark.parametrize(
    "second", [{}, {"own_id": "77-b"}, {"method": "PUT", "url": f"Organization?identifier={CLINICS}%7Cc1"}]
)
def test_what_a_condition_tells_apart_is_one_resource_also_in_the_next_export(
    tmp_path: Path, second: dict[str, str]
) -> None:
    with reading(tmp_path / "1", a__json=clinic("11"), b__json=clinic("22", **second)) as found:
        resources = bodies(found)
        assert found.identical_count == 1
    with reading(tmp_path / "2", a__json=clinic("33", **second)) as found:
        later = bodies(found)

    (name,) = (name for name in resources if name.startswith("Organization/"))
    assert name in later
    owners = [one["managingOrganization"]["reference"] for one in (resources | later).values() if "name" not in one]
    assert owners == [name] * 3


@pytest.mark.heavy
def test_a_resource_whose_id_is_the_identifier_of_its_condition_keeps_it(tmp_path: Path) -> None:
    with reading(tmp_path, a__json=clinic("11", own_id="c1")) as found:
        assert "Organization/c1" in bodies(found)


@pytest.mark.heavy
def test_a_reference_to_the_own_id_of_a_conditional_resource_follows_it(tmp_path: Path) -> None:
    location = {"resourceType": "Location", "id": "l2", "managingOrganization": {"reference": "Organization/77-b"}}

    with reading(tmp_path, a__json=clinic("11", own_id="77-b"), b__ndjson=ndjson(location)) as found:
        resources = bodies(found)

    (name,) = (name for name in resources if name.startswith("Organization/"))
    assert resources["Location/l2"]["managingOrganization"] == {"reference": name}


@pytest.mark.heavy
@pytest.mark.parametrize("query", ["name=C", "identifier=c1", "identifier=a|b&name=C", "_id=other", ""])
def test_other_conditions_are_refused_without_their_values(tmp_path: Path, query: str) -> None:
    with reading(tmp_path, a__json=clinic("11", own_id="77-b", ifNoneExist=query)) as found:
        assert bodies(found) == {}
        first, second = (reason for _, reason in refusals(found))

    assert first.startswith("a create with ifNoneExist is understood for identifier=system|value only")
    assert second == "refers to urn:uuid:11, which is not in the input"


@pytest.mark.heavy
@pytest.mark.parametrize("own_id", ["", "c9"])
def test_an_update_of_a_search_by_id_is_an_update_of_that_id(tmp_path: Path, own_id: str) -> None:
    with reading(tmp_path, a__json=clinic("11", own_id=own_id, method="PUT", url="Organization?_id=c9")) as found:
        assert "Organization/c9" in bodies(found)


@pytest.mark.heavy
def test_a_prefix_goes_before_ids_and_into_the_references_to_them(tmp_path: Path) -> None:
    entries = bundle(
        put(patient("123"), f"{EHR}/Patient/123"),
        put(observation("7", "Patient/123/_history/2"), f"{EHR}/Observation/7"),
        put(observation("8", f"{EHR}/Patient/123"), f"{EHR}/Observation/8"),
    )
    others = ndjson(observation("9", "Patient/elsewhere"), observation("10", f"{SERVER}/Patient/held"))
    scan = {"resourceType": "Media", "id": "m", "status": "completed", "content": {"url": "Binary/5"}}
    binary = {"resourceType": "Binary", "id": "5", "contentType": "image/png"}
    (tmp_path / "a.json").write_text(ndjson(entries))
    (tmp_path / "b.ndjson").write_text(others + ndjson(scan, binary))
    paths = [str(tmp_path / "a.json"), str(tmp_path / "b.ndjson")]
    options = LoadOptions(id_prefix="x-")

    with read_files(paths, tmp_path / "spool", server_base=SERVER, options=options) as found:
        resources = bodies(found)
        again = bodies(found)

    assert again == resources
    assert resources["Patient/x-123"]["id"] == "x-123"
    assert subject(resources["Observation/x-7"]) == subject(resources["Observation/x-8"]) == "Patient/x-123"
    assert subject(resources["Observation/x-9"]) == "Patient/x-elsewhere"
    assert subject(resources["Observation/x-10"]) == "Patient/held"
    assert resources["Media/x-m"]["content"] == {"url": "Binary/x-5"}


def test_an_id_that_a_prefix_makes_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("p" * 60)))

    with read_files([str(tmp_path / "a.ndjson")], tmp_path / "s", options=LoadOptions(id_prefix="12345-")) as found:
        ((_, reason),) = refusals(found)

    assert reason.endswith("at most 64 characters, so a shorter prefix")
