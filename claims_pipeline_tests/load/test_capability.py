"""Resource types that the server's CapabilityStatement does not have."""

import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, LoadOptions, list_dead_letters, load_files, retry_dead_letters
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response

PATIENT = {"resourceType": "Patient", "id": "p-1"}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o-1",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "Patient/p-1"},
}


def write(folder: Path, *resources: dict[str, Any]) -> str:
    file = folder / "all.ndjson"
    file.write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    return str(file)


def statements(server: FakeServer) -> int:
    return sum(request.path == "metadata" for request in server.requests)


@pytest.mark.heavy
def test_a_type_that_the_server_lacks_is_named_before_anything_is_sent_and_the_rest_loads(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.resource_types = ("Basic", "Patient")
    reported: list[tuple[str, int]] = []

    report = load_files(
        [write(tmp_path, PATIENT, OBSERVATION)],
        fake_target,
        on_progress=lambda progress: reported.append((str(progress), len(fake_server.transactions))),
    )

    remark = "the server has no resource type Observation, of which the input has 1"
    assert report.total == Counts(read=2, created=1, rejected=1)
    assert (remark, 0) in reported
    assert remark in report.remarks
    assert [request.names for request in fake_server.transactions] == [["Patient/p-1"]]
    assert list_dead_letters(fake_target)["reason"].to_list() == ["the server has no resource type Observation"]


@pytest.mark.heavy
def test_it_is_sent_again_when_the_server_has_the_type(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.resource_types = ("Basic", "Patient")
    file = write(tmp_path, PATIENT, OBSERVATION)
    load_files([file], fake_target)
    assert load_files([file], fake_target).total == Counts(read=2, unchanged=1, rejected=1)

    fake_server.resource_types = ("Basic", "Patient", "Observation")

    assert retry_dead_letters([], fake_target).total == Counts(read=1, created=1)


@pytest.mark.heavy
def test_a_dry_run_counts_it_as_rejected_and_writes_no_letter(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.resource_types = ("Basic", "Patient")

    report = load_files([write(tmp_path, PATIENT, OBSERVATION)], fake_target, options=LoadOptions(is_dry_run=True))

    assert report.total == Counts(read=2, to_send=1, rejected=1)
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_the_statement_is_asked_for_in_a_short_form_and_once_for_a_server(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    load_files([write(tmp_path, PATIENT)], fake_target)
    asked = statements(fake_server)
    load_files([write(tmp_path, PATIENT | {"active": True})], fake_target)

    assert statements(fake_server) == asked
    assert {request.query["_elements"] for request in fake_server.requests if request.path == "metadata"} == {
        "fhirVersion,rest.resource.type"
    }


@pytest.mark.heavy
def test_a_server_that_lists_no_types_is_sent_everything(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    def silent(request: Request) -> Response | None:
        statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
        return Response(200, statement) if request.path == "metadata" else None

    fake_server.behave(silent)

    assert load_files([write(tmp_path, PATIENT, OBSERVATION)], fake_target).total == Counts(read=2, created=2)
