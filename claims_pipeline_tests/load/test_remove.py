"""`remove` takes back exactly what was loaded, whatever it was."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from claims_pipeline.errors import FhirError, LedgerMismatch, ServerUnavailable
from claims_pipeline.load import Progress, load_files, load_lake, remove
from claims_pipeline.load.remove import RemoveReport
from claims_pipeline.load.tally import Failure
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.clinical_set import write_clinical_set
from claims_pipeline_tests.load.fake_server import FakeServer, Response, about, every_transaction, stored
from claims_pipeline_tests.load.sources.samples import ndjson, observation, patient
from claims_pipeline_tests.server_state import ids, put

MARKER = "Basic/claims-pipeline-ledger"


def encounter(resource_id: str, subject: str, *diagnoses: str, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": resource_id,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": subject},
        **({"diagnosis": [{"condition": _to(name)} for name in diagnoses]} if diagnoses else {}),
        **elements,
    }


def condition(resource_id: str, subject: str, encounter: str) -> dict[str, Any]:
    references = {"subject": {"reference": subject}, "encounter": {"reference": encounter}}
    return {"resourceType": "Condition", "id": resource_id, **references}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def resources_in(settings: Settings) -> int:
    with sqlite3.connect(settings.ledger_path) as connection:
        return int(connection.execute("SELECT count(*) FROM resources").fetchone()[0])


def facts_in(settings: Settings) -> set[str]:
    with sqlite3.connect(settings.ledger_path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM info")}


def forget_references(settings: Settings) -> None:
    """Make the ledger one that an earlier version wrote."""
    with sqlite3.connect(settings.ledger_path) as connection:
        connection.execute("UPDATE resources SET refers_to = NULL")


@pytest.mark.heavy
@pytest.mark.parametrize("are_references_known", [True, False])
def test_nothing_is_left_of_resources_that_refer_to_each_other(
    fake_server: FakeServer, fake_target: Settings, folder: Path, are_references_known: bool
) -> None:
    cycle = [
        patient("p"),
        encounter("e", "Patient/p", "Condition/c"),
        condition("c", "Patient/p", "Encounter/e"),
        observation("o", "Patient/p", encounter={"reference": "Encounter/e"}),
    ]
    (folder / "all.ndjson").write_text(ndjson(*cycle))
    load_files([str(folder)], fake_target)
    if not are_references_known:
        forget_references(fake_target)

    report = remove(fake_target)

    assert report.exit_code == 0
    assert report.by_type == {"Condition": 1, "Encounter": 1, "Observation": 1, "Patient": 1}
    assert fake_server.held == {}
    assert resources_in(fake_target) == 0
    assert facts_in(fake_target) == {"ledger_id", "resource_types"}


@pytest.mark.heavy
def test_a_cycle_is_deleted_in_one_transaction_however_small_the_bundles_are(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    cycle = [encounter("e", "Patient/p", "Condition/c"), condition("c", "Patient/p", "Encounter/e")]
    (folder / "all.ndjson").write_text(ndjson(patient("p"), *cycle))
    settings = fake_target.model_copy(update={"batch_size": 1})
    load_files([str(folder)], settings)
    fake_server.requests.clear()

    report = remove(settings)

    assert report.exit_code == 0
    assert fake_server.held == {}
    assert [sorted(request.names) for request in fake_server.transactions] == [
        ["Condition/c", "Encounter/e"],
        ["Patient/p"],
    ]


@pytest.mark.heavy
def test_no_request_is_refused_while_foreign_types_are_removed(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fake_server.resource_types += ("AllergyIntolerance", "CarePlan", "CareTeam", "ExplanationOfBenefit", "Provenance")
    count = write_clinical_set(folder, "set", patients=3)
    load_files([str(folder)], fake_target)
    fake_server.requests.clear()
    reported: list[Progress] = []

    report = remove(fake_target, on_progress=reported.append)

    assert sum(report.by_type.values()) == count
    assert fake_server.held == {}
    assert sum(len(request.entries) for request in fake_server.transactions) == count
    deleting = [progress for progress in reported if progress.stage.startswith("deleting")]
    assert deleting[-1].total == count
    assert all(progress.resources_per_second for progress in deleting)


@pytest.mark.heavy
def test_what_a_resource_that_stays_refers_to_stays_without_being_tried(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    chain = [patient("p"), encounter("e", "Patient/p"), observation("o", "Patient/p", encounter=_to("Encounter/e"))]
    (folder / "all.ndjson").write_text(ndjson(*chain, patient("other")))
    load_files([str(folder)], fake_target)
    of_others = observation("theirs", "Patient/p", hasMember=[_to("Observation/o")])
    fake_server.held["Observation/theirs"] = stored(1, of_others)
    fake_server.requests.clear()

    report = remove(fake_target)

    assert report.exit_code == 1
    assert report.left == 3
    assert fake_server.names() == ["Encounter/e", "Observation/o", "Observation/theirs", "Patient/p"]
    reasons = {failure.name: failure.text for failure in report.failures}
    assert "refers to it" in reasons["Encounter/e"]
    assert "Observation/o" in reasons["Encounter/e"]
    assert "another resource refers to it (Observation/theirs)" in reasons["Observation/o"]
    assert all("Patient/p" not in request.names for request in fake_server.transactions)

    del fake_server.held["Observation/theirs"]

    assert remove(fake_target).exit_code == 0
    assert fake_server.held == {}


@pytest.mark.heavy
def test_a_lake_and_files_that_refer_to_it_are_removed_together(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("both", days=1))
    load_lake(lake, fake_target)
    person = next(name for name in fake_server.names("Patient"))
    (folder / "Observation.ndjson").write_text(ndjson(observation("both-o", person)))
    load_files([str(folder)], fake_target)
    fake_server.requests.clear()

    report = remove(fake_target)

    assert report.exit_code == 0
    assert fake_server.held == {}
    assert len({name for request in fake_server.transactions for name in request.names}) == sum(report.by_type.values())


@pytest.mark.heavy
def test_the_marker_stays_while_something_is_left(fake_server: FakeServer, fake_target: Settings, folder: Path) -> None:
    (folder / "Patient.ndjson").write_text(ndjson(patient("a"), patient("b")))
    load_files([str(folder)], fake_target)
    fake_server.behave(about("Patient/a", 412, "HAPI-0966: Resource deletion is not permitted on this server"))

    report = remove(fake_target)

    assert report.by_type == {"Patient": 1}
    assert MARKER in fake_server.held
    assert resources_in(fake_target) == 2

    fake_server.behave_well()
    assert remove(fake_target).exit_code == 0
    assert fake_server.held == {}


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (Response(403), FhirError, "everything that was loaded is deleted, except the ledger's marker: HTTP 403"),
        (httpx.RemoteProtocolError("closed"), ServerUnavailable, "did not answer: the connection was closed"),
    ],
)
def test_a_marker_that_stays_after_all_was_removed_is_reported(
    fake_server: FakeServer,
    fake_target: Settings,
    folder: Path,
    answer: Response | httpx.RequestError,
    error: type[FhirError],
    message: str,
) -> None:
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))
    load_files([str(folder)], fake_target)
    fake_server.behave(lambda request: answer if (request.method, request.path) == ("DELETE", MARKER) else None)

    with pytest.raises(error, match=message):
        remove(fake_target)

    assert list(fake_server.held) == [MARKER]
    fake_server.behave_well()
    assert remove(fake_target).exit_code == 0
    assert fake_server.held == {}


@pytest.mark.heavy
def test_the_first_ten_of_what_stays_are_named(fake_server: FakeServer, fake_target: Settings, folder: Path) -> None:
    (folder / "Patient.ndjson").write_text(ndjson(*(patient(f"p-{number}") for number in range(12))))
    load_files([str(folder)], fake_target)
    fake_server.behave(every_transaction(412, "HAPI-0966: Resource deletion is not permitted on this server"))

    report = remove(fake_target)

    assert report.left == 12
    assert len(report.failures) == 10
    assert report.render().count("deletions are not permitted") == 10


@pytest.mark.heavy
def test_a_server_that_denies_access_meanwhile_is_an_error_and_nothing_is_forgotten(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    (folder / "Patient.ndjson").write_text(ndjson(patient("a"), patient("b")))
    load_files([str(folder)], fake_target)
    fake_server.behave(every_transaction(401))

    with pytest.raises(FhirError, match="denies access"):
        remove(fake_target)

    assert resources_in(fake_target) == 2
    assert MARKER in fake_server.held
    fake_server.behave_well()
    assert remove(fake_target).by_type == {"Patient": 2}


def test_a_server_that_another_ledger_fills_is_left_alone(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))
    load_files([str(folder)], fake_target)
    version, marker, _ = fake_server.held[MARKER]
    theirs = json.loads(json.dumps(marker).replace(marker["identifier"][0]["value"], "urn:uuid:another"))
    fake_server.held[MARKER] = stored(version, theirs)

    with pytest.raises(LedgerMismatch):
        remove(fake_target)

    assert fake_server.names() == ["Patient/a"]


@pytest.mark.server
def test_a_real_server_gives_back_a_foreign_set_with_cycles(target: Settings, folder: Path) -> None:
    count = write_clinical_set(folder, "clinical", patients=4)
    loaded = load_files([str(folder)], target)
    assert loaded.total.created == count
    put(target.fhir_base_url, patient("clinical-not-ours"))

    report = remove(target)

    assert report.exit_code == 0
    assert sum(report.by_type.values()) == count
    assert ids(target.fhir_base_url, "Patient", "clinical") == ["clinical-not-ours"]
    for resource_type in set(report.by_type) - {"Patient"}:
        assert ids(target.fhir_base_url, resource_type, "clinical") == []
    assert resources_in(target) == 0


@pytest.mark.slow
@pytest.mark.server
def test_a_large_foreign_set_is_removed_whole(target: Settings, folder: Path) -> None:
    count = write_clinical_set(folder, "large", patients=200)
    loaded = load_files([str(folder)], target)
    assert loaded.total.created == count > 10_000

    report = remove(target)

    assert report.left == 0
    assert resources_in(target) == 0


def _to(name: str) -> dict[str, str]:
    return {"reference": name}


def test_a_report_of_a_removal_reads_like_this() -> None:
    refused = Failure("not deleted", "Patient/a", "ledger", 409, "Claim/c refers to it")
    some = RemoveReport("http://127.0.0.1:8080/fhir", {"Patient": 1_200, "Claim": 5}, 2.46, left=1, failures=(refused,))
    whole = RemoveReport("http://127.0.0.1:8080/fhir", {"Patient": 1}, 0.3, left=0)

    assert some.render().splitlines() == [
        "Removed from  http://127.0.0.1:8080/fhir",
        "Claim         5",
        "Patient       1,200",
        "left          1",
        "Time          2.5 s",
        "not deleted Patient/a from ledger (HTTP 409)",
        "  Claim/c refers to it",
        "try: remove what refers to these, then the same command again",
    ]
    assert whole.render().splitlines()[-1] == "Time          0.3 s"
    assert (some.exit_code, whole.exit_code) == (1, 0)
    assert some.to_json()["failures"][0]["name"] == "Patient/a"
    assert some.to_json() | {"failures": []} == {
        "server": "http://127.0.0.1:8080/fhir",
        "by_type": {"Patient": 1_200, "Claim": 5},
        "seconds": 2.46,
        "left": 1,
        "failures": [],
    }


@pytest.mark.heavy
def test_what_an_old_ledger_does_not_know_of_references_is_asked_before_anything_is_deleted(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    of_clinic = patient("p", managingOrganization={"reference": "Organization/o"})
    (folder / "all.ndjson").write_text(ndjson({"resourceType": "Organization", "id": "o", "active": True}, of_clinic))
    load_files([str(folder)], fake_target)
    forget_references(fake_target)
    fake_server.requests.clear()

    assert remove(fake_target.model_copy(update={"batch_size": 1})).left == 0

    assert [request.names for request in fake_server.transactions] == [["Patient/p"], ["Organization/o"]]
