"""The ledger against the server: how the answer reads, and a load that runs meanwhile."""

from pathlib import Path

import pytest

from claims_pipeline.errors import LedgerMismatch, LoaderLocked
from claims_pipeline.load import Progress, ReconcileReport, load_files, reconcile
from claims_pipeline.load.ledger.store import holding_lock, open_ledger
from claims_pipeline.load.reconciling.marker import MARKER_PATH, Marker
from claims_pipeline.load.reconciling.reconcile import TypeComparison
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Stored, stored
from claims_pipeline_tests.load.sources.samples import ndjson, observation, patient


@pytest.fixture
def loaded(fake_target: Settings, tmp_path: Path) -> Settings:
    """Settings of an installation that has loaded a patient."""
    file = tmp_path / "patient.ndjson"
    file.write_text('{"resourceType":"Patient","id":"p-1"}')
    load_files([str(file)], fake_target)
    return fake_target


def test_the_answer_reads_like_this() -> None:
    report = ReconcileReport(
        server="http://127.0.0.1:8080/fhir",
        by_type={"Patient": TypeComparison(1_200, 1_198, missing=3, changed=0), "Claim": TypeComparison(5, 7)},
        differing=("Patient/p-1",),
    )

    assert report.render().splitlines() == [
        "Reconcile: http://127.0.0.1:8080/fhir",
        "        ledger server missing changed",
        "Claim        5      7       -       -",
        "Patient  1,200  1,198       3       0",
        "differs: Patient/p-1",
        "note: the server has 2 resources of type Claim that the loader did not load",
        "try: claims reconcile --deep --repair, then claims load",
    ]
    assert report.exit_code == 1
    assert report.to_json()["is_equal"] is False
    assert report.to_json()["differing"] == ["Patient/p-1"]


def test_an_equal_server_is_said_to_hold_what_the_ledger_says(loaded: Settings) -> None:
    report = reconcile(loaded, deep=True)

    assert report.exit_code == 0
    assert report.render().splitlines()[-1] == "The server holds what the ledger says."


def test_the_first_ten_that_differ_are_named(fake_server: FakeServer, fake_target: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(*(patient(f"p-{number:02}") for number in range(12)), observation("o-1", "Patient/p-01")))
    load_files([str(file)], fake_target)
    for name in [*fake_server.names("Patient"), "Observation/o-1"]:
        del fake_server.held[name]

    told: list[Progress] = []

    report = reconcile(fake_target, deep=True, on_progress=told.append)

    assert (told[-1].settled, told[-1].total) == (13, 13)
    assert report.by_type["Patient"].missing == 12
    assert report.differing == ("Observation/o-1", *(f"Patient/p-{number:02}" for number in range(9)))


def raise_generation(server: FakeServer, settings: Settings) -> None:
    """Do what a load does at its beginning."""
    with open_ledger(settings.ledger_path) as ledger:
        info = ledger.info()
        generation = int(info["generation"]) + 1
        ledger.remember(pending_generation=str(generation), generation=str(generation))
    server.held[MARKER_PATH] = stored(generation, Marker(info["ledger_id"], generation).to_fhir())


def test_a_load_that_begins_meanwhile_is_not_taken_for_a_restored_server(
    fake_server: FakeServer, loaded: Settings
) -> None:
    marker = fake_server.held[MARKER_PATH]

    def begins_meanwhile(request: Request) -> None:
        if request.path == MARKER_PATH and fake_server.held[MARKER_PATH] == marker:
            answered = fake_server.held[MARKER_PATH]
            raise_generation(fake_server, loaded)
            later.append(fake_server.held[MARKER_PATH])
            fake_server.held[MARKER_PATH] = answered._replace(version=0)  # the answer is of before
        elif request.path == MARKER_PATH:
            fake_server.held[MARKER_PATH] = later[0]

    later: list[Stored] = []
    fake_server.behave(begins_meanwhile)

    assert reconcile(loaded).is_equal
    assert later


def test_a_server_that_was_restored_is_still_noticed(fake_server: FakeServer, loaded: Settings) -> None:
    marker = fake_server.held[MARKER_PATH]
    raise_generation(fake_server, loaded)
    fake_server.held[MARKER_PATH] = marker

    with pytest.raises(LedgerMismatch, match="restored from a backup that is older"):
        reconcile(loaded)


def test_each_resource_is_looked_at_only_while_no_load_runs(loaded: Settings) -> None:
    with open_ledger(loaded.ledger_path) as ledger, holding_lock(ledger):
        assert reconcile(loaded).is_equal
        with pytest.raises(LoaderLocked):
            reconcile(loaded, deep=True)
