"""What a load does with resources that its source no longer has: what is counted, reported and recorded of it."""

from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import FhirError, LedgerUnusable
from claims_pipeline.load import (
    LoadOptions,
    LoadReport,
    Progress,
    Vanished,
    load_files,
    reconcile,
    remove,
)
from claims_pipeline.load.ledger import holdings
from claims_pipeline.load.pipeline import deletion
from claims_pipeline.load.pipeline.deletion import Deleted
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, every_transaction, times
from claims_pipeline_tests.load.sources.samples import coverage, ndjson, observation, patient


@pytest.fixture
def file(fake_target: Settings, tmp_path: Path) -> Path:
    """A file that was loaded with a patient and three coverages, and has the patient only now."""
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("p"), *(coverage(f"c-{number}", "Patient/p") for number in range(3))))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(patient("p")))
    return file


def load(target: Settings, file: Path, vanished: Vanished, **options: Any) -> LoadReport:
    return load_files([str(file)], target, options=LoadOptions(vanished=vanished), **options)


@pytest.mark.heavy
def test_what_was_deleted_and_cannot_be_recorded_counts_as_not_deleted(
    fake_target: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LedgerUnusable("no room for the ledger", fix="make room")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "settle_deleted", full)
        report = load(fake_target, file, Vanished.DELETE)

    assert report.vanished == {"Coverage not deleted": 3}
    assert isinstance(report.stopped, LedgerUnusable)
    assert [(failure.outcome, failure.text) for failure in report.failures] == [
        ("not deleted", "no room for the ledger")
    ] * 3
    assert load(fake_target, file, Vanished.DELETE).vanished == {"Coverage deleted": 3}


def test_the_first_200_failures_are_kept_and_all_are_counted() -> None:
    refused = [Result(Resource("Claim", str(n), "", "", "ledger", "", []), "rejected") for n in range(201)]
    deleted = Deleted()

    deleted.add_failures(refused[:150])
    deleted.add_failures(refused[150:])
    deleted.done["Claim"] = 9

    assert deleted.failed == {"Claim": 201}
    assert deleted.failures == refused[:200]
    assert deleted.settled == 210


@pytest.mark.heavy
def test_what_is_entered_in_error_is_on_the_server_as_the_ledger_says(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    assert load(fake_target, file, Vanished.ENTERED_IN_ERROR).vanished == {"Coverage entered in error": 3}

    assert {fake_server.held[name].resource["status"] for name in fake_server.names("Coverage")} == {"entered-in-error"}
    assert reconcile(fake_target, deep=True).is_equal
    assert load(fake_target, file, Vanished.ENTERED_IN_ERROR).requests_with_resources == 0


@pytest.mark.heavy
def test_after_the_server_denies_access_nothing_more_is_entered_in_error(
    fake_server: FakeServer, fake_target: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "ROWS_AT_ONCE", 1)
    fake_server.behave(times(1, every_transaction(401)))

    report = load(fake_target, file, Vanished.ENTERED_IN_ERROR)

    assert isinstance(report.stopped, FhirError)
    assert report.vanished == {"Coverage not entered in error": 1}
    assert (report.vanished_failed, report.exit_code) == (1, 1)


@pytest.mark.heavy
def test_after_the_server_denies_access_nothing_more_is_deleted(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    fake_server.requests.clear()
    fake_server.behave(every_transaction(401))

    report = load(fake_target.model_copy(update={"batch_size": 1, "workers": 1}), file, Vanished.DELETE)

    assert isinstance(report.stopped, FhirError)
    assert report.vanished == {"Coverage not deleted": 1}
    assert len(fake_server.transactions) == 1


@pytest.mark.heavy
def test_a_removal_says_now_and_then_what_it_does(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("p"), coverage("c", "Patient/p"), observation("o", "Patient/p")))

    def told() -> list[Progress]:
        load_files([str(file)], fake_target)
        progress: list[Progress] = []
        assert remove(fake_target, on_progress=progress.append).left == 0
        return progress

    monkeypatch.setattr(deletion, "REPORT_SECONDS", 60.0)
    seldom = told()
    monkeypatch.setattr(deletion, "REPORT_SECONDS", 0.0)
    fake_server.behave(times(1, every_transaction(502)))
    each = told()

    assert str(seldom[0]) == "finding the order of deletion: 3 resources"
    assert [progress.stage.partition(" ")[0] for progress in seldom] == ["finding", "deleting"]
    assert [(progress.stage, progress.settled, progress.total) for progress in each[1:]] == [
        ("deleting Coverage", 2, 3),
        ("deleting Patient", 3, 3),
    ]
    assert {(progress.in_flight, progress.claims_per_second) for progress in each[1:]} == {(1, 0.0)}
    assert each[-1].resources_per_second > 0


@pytest.mark.heavy
def test_transactions_and_deletions_are_under_way_at_the_same_time_up_to_the_limit(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(*(patient(f"p-{number}") for number in range(20))))
    target = fake_target.model_copy(update={"batch_size": 2, "workers": 2})
    load_files([str(file)], target)
    assert fake_server.most_at_once == 2
    fake_server.most_at_once = 0
    fake_server.requests.clear()

    assert remove(target).by_type == {"Patient": 20}

    assert fake_server.most_at_once == 2
    assert [len(request.entries) for request in fake_server.transactions] == [2] * 10
