"""Bundles are unpacked, and the references inside them lead to ids that stay the same from run to run."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load.sources import json_values
from claims_pipeline.load.sources.files import read_files
from claims_pipeline.load.sources.inputs import STANDARD_INPUT
from claims_pipeline_tests.load.sources.samples import (
    JsonObject,
    bodies,
    bundle,
    everything,
    gzipped,
    ndjson,
    observation,
    patient,
    post,
    reading,
    refusals,
)

NPI = "http://hl7.org/fhir/sid/us-npi"
SYNTHEA = "https://github.com/synthetichealth/synthea"
HOSPITAL = "2f1b9c1e-0001-4f6a-9d8e-000000000001"
DOCTOR = "2f1b9c1e-0002-4f6a-9d8e-000000000002"
PERSON = "2f1b9c1e-0003-4f6a-9d8e-000000000003"
VISIT = "2f1b9c1e-0004-4f6a-9d8e-000000000004"
BILL = "2f1b9c1e-0005-4f6a-9d8e-000000000005"


def synthea_hospitals() -> JsonObject:
    organization = {
        "resourceType": "Organization",
        "id": HOSPITAL,
        "identifier": [{"system": SYNTHEA, "value": "h-1"}],
        "name": "General hospital",
    }
    return bundle(post(organization, f"urn:uuid:{HOSPITAL}"), kind="batch")


def synthea_practitioners() -> JsonObject:
    practitioner = {
        "resourceType": "Practitioner",
        "id": DOCTOR,
        "identifier": [{"system": NPI, "value": "9999999996"}],
    }
    return bundle(post(practitioner, f"urn:uuid:{DOCTOR}"), kind="batch")


def synthea_patient() -> JsonObject:
    doctor = {"reference": f"Practitioner?identifier={NPI}|9999999996", "display": "Dr. A"}
    hospital = {"reference": f"Organization?identifier={SYNTHEA}%7Ch-1"}
    encounter = {
        "resourceType": "Encounter",
        "id": VISIT,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"urn:uuid:{PERSON}"},
        "participant": [{"individual": doctor}],
        "serviceProvider": hospital,
    }
    claim = {
        "resourceType": "Claim",
        "id": BILL,
        "status": "active",
        "type": {"text": "professional"},
        "use": "claim",
        "patient": {"reference": f"urn:uuid:{PERSON}"},
        "created": "2025-01-05T10:00:00-05:00",
        "provider": hospital,
        "priority": {"text": "normal"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "Humana"}}],
        "item": [
            {"sequence": 1, "productOrService": {"text": "visit"}, "encounter": [{"reference": f"urn:uuid:{VISIT}"}]}
        ],
    }
    return bundle(
        post(encounter, f"urn:uuid:{VISIT}"),  # before what it refers to
        post(patient(PERSON), f"urn:uuid:{PERSON}"),
        post(claim, f"urn:uuid:{BILL}"),
    )


@pytest.mark.heavy
def test_a_folder_as_synthea_writes_it_resolves_every_reference(tmp_path: Path) -> None:
    with reading(
        tmp_path,
        fhir___a_patient__json=synthea_patient(),
        fhir___hospitalInformation1__json=synthea_hospitals(),
        fhir___practitionerInformation1__json=synthea_practitioners(),
    ) as found:
        rows = everything(found)
        resources = bodies(found)
        assert refusals(found) == []

    encounter, claim = resources[f"Encounter/{VISIT}"], resources[f"Claim/{BILL}"]
    assert encounter["subject"] == {"reference": f"Patient/{PERSON}"}
    assert encounter["participant"][0]["individual"] == {"reference": f"Practitioner/{DOCTOR}", "display": "Dr. A"}
    assert encounter["serviceProvider"] == {"reference": f"Organization/{HOSPITAL}"}
    assert claim["item"][0]["encounter"] == [{"reference": f"Encounter/{VISIT}"}]
    named = dict(rows.select("resource_id", "references").iter_rows())
    assert sorted(named[VISIT]) == [f"Organization/{HOSPITAL}", f"Patient/{PERSON}", f"Practitioner/{DOCTOR}"]
    tiers = dict(rows.select("resource_id", "tier").iter_rows())
    assert tiers[PERSON] < tiers[VISIT] < tiers[BILL]


@pytest.mark.heavy
def test_reading_again_gives_the_same_resources(tmp_path: Path) -> None:
    contents: dict[str, JsonObject] = {"a__json": synthea_patient(), "b__json": synthea_practitioners()}

    with reading(tmp_path, **contents) as first, reading(tmp_path, **contents) as second:
        assert everything(first).equals(everything(second))


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["transaction", "batch", "collection", "searchset"])
def test_each_kind_of_bundle_is_unpacked_with_the_line_of_each_entry(tmp_path: Path, kind: str) -> None:
    with reading(
        tmp_path, a__json=bundle({"resource": patient("p1")}, {"resource": patient("p2")}, kind=kind)
    ) as found:
        assert sorted(bodies(found)) == ["Patient/p1", "Patient/p2"]
        assert [source.rpartition("/")[2] for source in everything(found)["source"]] == ["a.json:5", "a.json:11"]


def test_a_resource_without_an_id_gets_the_one_its_bundle_gives_it(tmp_path: Path) -> None:
    anonymous = {"resourceType": "Patient"}
    entries = bundle(
        post(anonymous, "urn:uuid:aa-1"),
        {"resource": anonymous | {"gender": "male"}, "request": {"method": "PUT", "url": "Patient/p2"}},
        {"resource": anonymous | {"gender": "female"}, "fullUrl": "https://example.org/fhir/Patient/p3"},
        {"resource": anonymous | {"gender": "other"}},
    )

    with reading(tmp_path, a__json=entries) as found:
        assert sorted(bodies(found)) == ["Patient/aa-1", "Patient/p2", "Patient/p3"]
        assert [reason for _, reason in refusals(found)] == ["id is missing"]


@pytest.mark.heavy
def test_a_full_url_means_the_entry_of_its_own_bundle(tmp_path: Path) -> None:
    def visit(person: str) -> JsonObject:
        return bundle(post(patient(person), "urn:uuid:1"), post(observation(f"o-{person}", "urn:uuid:1"), "urn:uuid:2"))

    with reading(tmp_path, a__ndjson=ndjson(visit("p1"), visit("p2"))) as found:
        resources = bodies(found)

    assert resources["Observation/o-p1"]["subject"] == {"reference": "Patient/p1"}
    assert resources["Observation/o-p2"]["subject"] == {"reference": "Patient/p2"}


def test_an_absolute_reference_to_an_entry_becomes_relative(tmp_path: Path) -> None:
    base = "https://example.org/fhir"
    entries = bundle(
        {"fullUrl": f"{base}/Patient/p1", "resource": patient("p1")},
        {"fullUrl": f"{base}/Observation/o1", "resource": observation("o1", f"{base}/Patient/p1")},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        kind="searchset",
    )

    with reading(tmp_path, a__json=entries) as found:
        assert bodies(found)["Observation/o1"]["subject"] == {"reference": "Patient/p1"}
        assert refusals(found) == []


def test_an_ambiguous_identifier_is_left_to_the_server(tmp_path: Path) -> None:
    def doctor(resource_id: str) -> JsonObject:
        return {"resourceType": "Practitioner", "id": resource_id, "identifier": [{"system": NPI, "value": "9"}]}

    conditional = {"reference": f"Practitioner?identifier={NPI}|9"}
    content = ndjson(doctor("d1"), doctor("d2"), observation("o1", "Patient/p1", performer=[conditional]))

    with reading(tmp_path, a__ndjson=content) as found:
        assert bodies(found)["Observation/o1"]["performer"] == [conditional]


@pytest.mark.heavy
def test_a_reference_inside_a_text_is_left_alone(tmp_path: Path) -> None:
    text = 'see "reference":"urn:uuid:aa" and \\"reference\\":\\"urn:uuid:aa\\"'
    note = {"text": [{"text": text}]}
    entries = bundle(
        post(patient("p1"), "urn:uuid:aa"), post(observation("o1", "urn:uuid:aa", note=note["text"]), "urn:uuid:bb")
    )

    with reading(tmp_path, a__json=entries) as found:
        assert bodies(found)["Observation/o1"]["note"][0]["text"] == text


@pytest.mark.heavy
def test_a_version_in_a_reference_stays_and_is_no_other_target(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson=ndjson(observation("o1", "Patient/p1/_history/2"), patient("p1"))) as found:
        rows = everything(found)

    assert rows["resource_id"].to_list() == ["p1", "o1"]
    assert rows["references"].to_list() == [[], ["Patient/p1"]]
    assert '"Patient/p1/_history/2"' in rows["body"][1]


def test_names_and_packing_of_files_do_not_matter(tmp_path: Path) -> None:
    content: dict[str, Any] = {
        "Patient__000__ndjson__gz": gzipped(ndjson(patient("p1"))) + gzipped(ndjson(patient("p2"))),
        "deep___er___b__json__gz": gzipped(json.dumps(bundle({"resource": patient("p3")}))),
        "packed__json": gzipped(json.dumps(patient("p4"))),
        "two__json": json.dumps(patient("p5"), indent=1) + "\n" + json.dumps(patient("p6"), indent=1),
        "readme__txt": "not read",
    }

    with reading(tmp_path, **content) as found:
        assert sorted(bodies(found)) == [f"Patient/p{number}" for number in range(1, 7)]
        assert refusals(found) == []


@pytest.mark.heavy
@pytest.mark.parametrize("refill", [2, 7, 100, 5_000])
@pytest.mark.parametrize("sort_keys", [True, False])
def test_how_the_text_is_cut_into_pieces_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refill: int, sort_keys: bool
) -> None:
    monkeypatch.setattr(json_values, "_REFILL", refill)
    monkeypatch.setattr("claims_pipeline.load.sources.unpacking.CHUNK_BYTES", refill)
    document = json.dumps(synthea_patient(), indent=2, sort_keys=sort_keys, ensure_ascii=False)
    lines = ndjson(patient("p1", name=[{"text": 'Zoë \U0001f600 \\ " é'}]), synthea_practitioners()) + "{bad\n"

    with reading(tmp_path, a__json=document, b__ndjson__gz=gzipped(lines)) as found:
        assert found.count == 5
        assert [source for source, _ in refusals(found)] == ["b.ndjson.gz:3"]
        assert bodies(found)["Patient/p1"]["name"] == [{"text": 'Zoë \U0001f600 \\ " é'}]


def test_standard_input_is_read_like_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzipped(ndjson(patient("p1")) + "{bad\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    with read_files([STANDARD_INPUT], tmp_path) as found:
        assert everything(found)["source"].to_list() == ["standard input:1"]
        assert refusals(found)[0][0] == "standard input:2"
