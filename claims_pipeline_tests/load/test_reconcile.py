"""The ledger against the server: how the answer reads, and a load that runs meanwhile."""

from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, LedgerMismatch, LoaderLocked, ServerUnavailable
from claims_pipeline.load import Counts, Progress, ReconcileReport, load_files, reconcile
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.reconciling import reads
from claims_pipeline.load.reconciling.marker import MARKER_PATH, Marker
from claims_pipeline.load.reconciling.reconcile import TypeComparison
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response, Stored, everything, stored, times
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


@pytest.mark.heavy
def test_an_equal_server_is_said_to_hold_what_the_ledger_says(loaded: Settings) -> None:
    report = reconcile(loaded, deep=True)

    assert report.exit_code == 0
    assert report.render().splitlines()[-1] == "The server holds what the ledger says."


@pytest.mark.heavy
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


@pytest.mark.heavy
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


@pytest.mark.heavy
def test_a_server_that_was_restored_is_still_noticed(fake_server: FakeServer, loaded: Settings) -> None:
    marker = fake_server.held[MARKER_PATH]
    raise_generation(fake_server, loaded)
    fake_server.held[MARKER_PATH] = marker

    with pytest.raises(LedgerMismatch, match="restored from a backup that is older"):
        reconcile(loaded)


@pytest.mark.heavy
def test_each_resource_is_looked_at_only_while_no_load_runs(loaded: Settings) -> None:
    with open_ledger(loaded.ledger_path) as ledger, holding_lock(ledger):
        counted = reconcile(loaded)
        assert counted.is_equal
        assert counted.render().splitlines()[-1].startswith("note: a load is running, so these numbers change")
        with pytest.raises(LoaderLocked):
            reconcile(loaded, deep=True)
    assert reconcile(loaded).render().endswith("The server holds what the ledger says.")


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        (1, "1 resource is marked as not loaded, for the next claims load to send"),
        (1_200, "1,200 resources are marked as not loaded, for the next claims load to send"),
    ],
)
def test_what_a_repair_marks_is_said_in_the_place_of_advice(marked: int, said: str) -> None:
    report = ReconcileReport("http://x", {"Claim": TypeComparison(5, 5, missing=0, changed=marked)}, marked=marked)

    assert report.render().splitlines()[-1] == said
    assert not report.is_equal
    assert "note:" not in report.render()


@pytest.mark.parametrize(
    ("comparison", "is_equal"),
    [
        (TypeComparison(5, 5), True),
        (TypeComparison(5, 6), True),
        (TypeComparison(5, 4), False),
        (TypeComparison(5, 5, missing=0, changed=0), True),
        (TypeComparison(5, 5, missing=1, changed=0), False),
        (TypeComparison(5, 5, missing=0, changed=1), False),
    ],
)
def test_a_type_is_equal_if_nothing_of_the_ledger_is_missing_or_changed(
    comparison: TypeComparison, is_equal: bool
) -> None:
    assert comparison.is_equal == is_equal
    assert ReconcileReport("http://x", {"Claim": comparison, "Patient": TypeComparison(1, 1)}).is_equal == is_equal


@pytest.mark.heavy
def test_a_repair_marks_what_is_missing_and_what_is_changed_for_the_next_load(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("a"), patient("b"), patient("c"), observation("o", "Patient/c")))
    load_files([str(file)], fake_target)
    del fake_server.held["Patient/a"]
    fake_server.held["Patient/b"] = stored(9, patient("b", gender="other"))
    fake_server.held["Patient/theirs"] = stored(1, patient("theirs"))

    shallow = reconcile(fake_target)
    looked = reconcile(fake_target, deep=True)
    repaired = reconcile(fake_target, repair=True)

    assert shallow.by_type == {"Observation": TypeComparison(1, 1), "Patient": TypeComparison(3, 3)}
    assert (shallow.differing, shallow.marked) == ((), 0)
    expected = {"Observation": TypeComparison(1, 1, 0, 0), "Patient": TypeComparison(3, 3, missing=1, changed=1)}
    assert looked.by_type == repaired.by_type == expected
    assert looked.differing == ("Patient/a", "Patient/b")
    assert (looked.marked, repaired.marked) == (0, 2)
    assert load_files([str(file)], fake_target).total == Counts(read=4, unchanged=2, created=1, updated=1)


@pytest.mark.heavy
def test_a_server_is_waited_for_only_if_that_is_asked_for(fake_server: FakeServer, loaded: Settings) -> None:
    fake_server.requests.clear()
    fake_server.behave(times(2, everything(503)))

    with pytest.raises(ServerUnavailable):
        reconcile(loaded)
    assert len(fake_server.requests) == 1
    assert reconcile(loaded, wait=True).is_equal


@pytest.mark.heavy
def test_a_ledger_that_is_named_must_be_there(loaded: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ledger here"):
        reconcile(loaded, ledger_path=tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
    assert reconcile(loaded, ledger_path=loaded.ledger_path).is_equal


@pytest.mark.heavy
def test_a_damaged_answer_to_a_question_is_asked_for_again(
    fake_server: FakeServer, loaded: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "PAUSE_SECONDS", 0.001)
    met: set[str] = set()

    def first_of_each_kind(request: Request) -> Response | None:
        if request.path in met or request.is_transaction or request.method == "PUT":
            return None
        met.add(request.path)
        return Response(200, b"no gzip", {"content-encoding": "gzip"})

    fake_server.behave(first_of_each_kind)

    assert reconcile(loaded, repair=True, deep=True, wait=True).is_equal
    assert {MARKER_PATH, "Patient", "Patient/_search"} <= met
