"""Profiles, security labels and tags: the server holds those of the input, and no others."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.load import Counts, load_files, load_lake, reconcile
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.pipeline.relabelling import parameters_to_take_off
from claims_pipeline.load.resource import CHUNK_SCHEMA, labels_in, labels_of_bodies, resources_of
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response, outcome, stored
from claims_pipeline_tests.load.sources.samples import ndjson, patient
from claims_pipeline_tests.server_state import put, read

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def meta(*, tags: str = "", security: str = "", profiles: str = "") -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {
        "tag": [{"system": "https://example.org/tags", "code": code} for code in tags],
        "security": [{"system": CONFIDENTIALITY, "code": code} for code in security],
        "profile": [f"https://example.org/StructureDefinition/{code}" for code in profiles],
    }
    return {name: values for name, values in found.items() if values}


def labelled(resource_id: str, **labels: str) -> dict[str, Any]:
    return patient(resource_id, meta=meta(**labels))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    folder.mkdir()
    return folder / "Patient.ndjson"


def merging(server: FakeServer, *, takes_meta_delete: bool) -> None:
    """Let the server add the labels of an update to those that it has, as servers may."""

    def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        return {
            name: [*new.get(name, []), *(one for one in old.get(name, []) if one not in new.get(name, []))]
            for name in {*old, *new}
        }

    def updated(name: str, resource: dict[str, Any]) -> dict[str, Any]:
        if name not in server.held or "meta" not in resource:
            return resource
        return resource | {"meta": merged(server.held[name].resource.get("meta", {}), resource["meta"])}

    def rule(request: Request) -> Response | None:
        if request.is_transaction:
            entries = ((method, name, updated(name, resource)) for method, name, resource in request.entries)
            return server.answer(request._replace(entries=tuple(entries)))
        if not request.path.endswith("/$meta-delete"):
            return None
        if not takes_meta_delete:
            return outcome(404, "unknown operation")
        name = request.path.removesuffix("/$meta-delete")
        version, resource, _ = server.held[name]
        gone = json.loads(request.body)["parameter"][0]["valueMeta"]
        left = {
            kind: [one for one in values if one not in gone.get(kind, [])] for kind, values in resource["meta"].items()
        }
        server.held[name] = stored(version, resource | {"meta": left})
        return Response(200, {"resourceType": "Parameters"})

    server.behave(rule)


@pytest.mark.heavy
@given(
    tags=st.text("abc|", max_size=4),
    security=st.text("RNV", max_size=3),
    profiles=st.text("pq", max_size=2),
    note=st.text(max_size=5),
)
def test_labels_are_read_from_the_canonical_json(tags: str, security: str, profiles: str, note: str) -> None:
    wanted = meta(tags=tags, security=security, profiles=profiles)
    bodies = [
        json.dumps({"contained": [labelled("c", tags="z")], "id": "a", "meta": wanted | {"source": "x"}, "text": note}),
        json.dumps({"id": "a", "note": f'"meta":{{"tag":[{note!r}]}}'}),
    ]

    found = pl.DataFrame({"body": bodies}).select(labels_of_bodies(pl.col("body"))).to_series()

    assert [json.loads(labels) for labels in found] == [labels_in(wanted), []]


def test_the_parameters_name_each_label_in_its_list() -> None:
    wanted = meta(tags="a|", security="R", profiles="p")

    parameters = json.loads(parameters_to_take_off(labels_in(wanted)))

    found = parameters["parameter"][0]["valueMeta"]
    assert labels_in(found) == labels_in(wanted)


@pytest.mark.heavy
def test_labels_that_a_server_keeps_are_taken_off(fake_server: FakeServer, fake_target: Settings, file: Path) -> None:
    merging(fake_server, takes_meta_delete=True)
    file.write_text(ndjson(labelled("a", tags="xy", security="R"), labelled("b", tags="x"), labelled("c", tags="x")))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(labelled("a", tags="yz", security="N"), labelled("b", tags="xw"), labelled("c", tags="x")))
    fake_server.requests.clear()

    report = load_files([str(file)], fake_target)

    assert report.total == Counts(read=3, unchanged=1, updated=2)
    assert report.remarks == ()
    assert labels_in(fake_server.held["Patient/a"].resource["meta"]) == labels_in(meta(tags="yz", security="N"))
    assert [request.path for request in fake_server.requests if "$" in request.path] == ["Patient/a/$meta-delete"]
    assert reconcile(fake_target, deep=True).is_equal


@pytest.mark.heavy
def test_a_server_that_keeps_labels_for_good_is_named_and_differs(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    merging(fake_server, takes_meta_delete=False)
    file.write_text(ndjson(labelled("a", security="R")))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(labelled("a", security="N")))

    report = load_files([str(file)], fake_target)

    assert any("Patient/a" in remark and "$meta-delete" in remark for remark in report.remarks)
    found = reconcile(fake_target, deep=True)
    assert found.by_type["Patient"].changed == 1
    assert found.differing == ("Patient/a",)


@pytest.mark.heavy
@pytest.mark.parametrize(("ids", "named"), [("abc", "Patient/c)"), ("abcd", "Patient/c, ...)")])
def test_the_first_three_resources_whose_labels_stay_are_named(
    fake_server: FakeServer, fake_target: Settings, file: Path, ids: str, named: str
) -> None:
    merging(fake_server, takes_meta_delete=False)
    file.write_text(ndjson(*(labelled(resource_id, security="R") for resource_id in ids)))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(*(labelled(resource_id, security="N") for resource_id in ids)))

    (remark,) = load_files([str(file)], fake_target).remarks

    assert f"on {len(ids)} resources (Patient/a, Patient/b, {named}" in remark


@pytest.mark.heavy
def test_nothing_is_asked_where_no_label_goes(fake_server: FakeServer, fake_target: Settings, file: Path) -> None:
    file.write_text(ndjson(labelled("a", tags="x")))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(labelled("a", tags="xy") | {"gender": "other"}))
    fake_server.requests.clear()

    load_files([str(file)], fake_target)

    assert [request.method for request in fake_server.requests] == ["GET", "PUT", "POST", "PUT"]


@pytest.mark.heavy
def test_a_label_that_somebody_added_is_found_and_repaired(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    file.write_text(ndjson(labelled("a", tags="x"), patient("b")))
    load_files([str(file)], fake_target)
    for resource_id in "ab":
        version, resource, _ = fake_server.held[f"Patient/{resource_id}"]
        added = labelled(resource_id, tags="xz" if resource_id == "a" else "z")
        fake_server.held[f"Patient/{resource_id}"] = stored(version, resource | added)  # as $meta-add: the same version

    assert reconcile(fake_target, repair=True).by_type["Patient"].changed == 2
    assert load_files([str(file)], fake_target).total.updated == 2
    assert reconcile(fake_target, deep=True).is_equal


@pytest.mark.heavy
def test_labels_of_a_lakes_resources_are_compared_too(fake_server: FakeServer, fake_target: Settings) -> None:
    load_lake(tiny_lake(fake_target.lake_path, Shape("lake", days=1)), fake_target)
    assert reconcile(fake_target, deep=True).is_equal
    name = fake_server.names("Patient")[0]
    version, resource, _ = fake_server.held[name]
    fake_server.held[name] = stored(version, resource | {"meta": {}})

    assert reconcile(fake_target, deep=True).differing == (name,)


@pytest.mark.server
def test_labels_that_the_input_no_longer_has_are_taken_off_a_real_server(target: Settings, file: Path) -> None:
    def held(resource_id: str) -> list[str]:
        return labels_in(read(target.fhir_base_url, f"Patient/{resource_id}")["meta"])

    file.write_text(ndjson(labelled("labels-1", tags="ca", security="RN", profiles="p"), patient("labels-2")))
    load_files([str(file)], target)
    assert held("labels-1") == labels_in(meta(tags="ac", security="NR", profiles="p"))
    assert reconcile(target, deep=True).is_equal

    file.write_text(ndjson(labelled("labels-1", tags="bc", security="N", profiles="q"), patient("labels-2")))
    report = load_files([str(file)], target)

    assert report.total == Counts(read=2, unchanged=1, updated=1)
    assert held("labels-1") == labels_in(meta(tags="bc", security="N", profiles="q"))
    assert load_files([str(file)], target).requests_with_resources == 0
    assert reconcile(target, deep=True).is_equal

    file.write_text(ndjson(patient("labels-1"), patient("labels-2")))
    load_files([str(file)], target)
    assert held("labels-1") == []

    put(target.fhir_base_url, labelled("labels-2", tags="x"))
    assert reconcile(target, deep=True).differing == ("Patient/labels-2",)


@pytest.mark.parametrize(("origin", "labels"), [("files", '["profile https://x"]'), ("claims", None)])
def test_only_resources_from_files_come_with_their_labels(origin: str, labels: str | None) -> None:
    body = '{"meta":{"profile":["https://x"]}}'
    rows = pl.DataFrame([("Claim", "c", body, "hash", [], "", "a:1", None)], schema=CHUNK_SCHEMA, orient="row")

    (resource,) = resources_of(rows, origin)

    assert resource.labels == labels


@pytest.mark.heavy
def test_labels_that_an_old_ledger_does_not_know_are_no_reason_to_read_a_resource(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    file.write_text(ndjson(labelled("a", tags="x")))
    load_files([str(file)], fake_target)
    with open_ledger(fake_target.ledger_path) as ledger, ledger.writing() as connection:
        connection.execute("UPDATE resources SET labels = NULL")
    fake_server.requests.clear()

    assert reconcile(fake_target, deep=True).is_equal

    searches = [request for request in fake_server.requests if request.path.endswith("_search")]
    assert [b"_elements" in request.body for request in searches] == [True]
