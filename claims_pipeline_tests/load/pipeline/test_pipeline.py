"""What a load reports while it sends, and what it still asks of a server that ended it."""

import asyncio
import gc
from pathlib import Path

import pytest

from claims_pipeline.errors import FhirError
from claims_pipeline.load import Counts, LoadOptions, Progress, load_files, load_lake
from claims_pipeline.load.pipeline import pipeline
from claims_pipeline.load.reconciling.marker import MARKER_PATH
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response, every_transaction, outcome, times
from claims_pipeline_tests.load.sources.samples import coverage, ndjson, observation, patient


def write(folder: Path, *resources: dict[str, object]) -> str:
    file = folder / "all.ndjson"
    file.write_text(ndjson(*resources))
    return str(file)


def markers(server: FakeServer) -> list[str]:
    return [request.method for request in server.requests if request.path == MARKER_PATH]


@pytest.mark.heavy
def test_the_progress_of_a_load_adds_up_to_its_total(fake_server: FakeServer, fake_target: Settings) -> None:
    fake_server.behave(times(2, every_transaction(502)))
    told: list[Progress] = []

    report = load_lake(tiny_lake(fake_target.lake_path, Shape("adds", days=2)), fake_target, on_progress=told.append)

    of_tables = [progress for progress in told if progress.in_flight is not None]
    assert list(dict.fromkeys(progress.stage for progress in of_tables)) == [
        *("payers", "organizations", "locations", "practitioners", "patients", "coverages", "claims")
    ]
    assert (of_tables[-1].settled, of_tables[-1].total) == (report.total.read, report.total.read)
    assert of_tables[-1].retries == report.retries == 2
    assert min(of_tables[-1].resources_per_second, of_tables[-1].claims_per_second) > 0
    assert max(progress.in_flight or 0 for progress in of_tables) == 1
    settled = [progress.settled for progress in of_tables]
    assert settled == sorted(settled)


def test_a_load_that_waits_reports_again_and_again(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "REPORT_SECONDS", 0.001)
    told: list[Progress] = []

    async def slow(request: Request) -> Response | None:
        before = len(told)
        while request.is_transaction and len(told) < before + 3:
            await asyncio.sleep(0.001)
        return None

    fake_server.behave(slow)

    assert load_files([write(tmp_path, patient("p"))], fake_target, on_progress=told.append).total.created == 1
    assert sum(progress.in_flight == 1 for progress in told) >= 3


@pytest.mark.heavy
def test_the_generation_is_raised_before_and_after_a_load_that_sends_and_by_no_other(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path, patient("p"))
    load_files([file], fake_target)
    assert markers(fake_server) == ["GET", "PUT", "PUT"]

    load_files([file], fake_target)
    load_files([file], fake_target, full=True, options=LoadOptions(is_dry_run=True))
    assert markers(fake_server) == ["GET", "PUT", "PUT", "GET", "GET"]


@pytest.mark.heavy
def test_a_server_that_denies_access_is_not_asked_for_labels_nor_given_a_generation(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    labelled = [patient(name, meta={"tag": [{"code": "x"}]}) for name in "abcd"]
    target = fake_target.model_copy(update={"batch_size": 1, "workers": 1})
    load_files([write(tmp_path, *labelled)], target)
    fake_server.requests.clear()
    fake_server.behave(
        lambda request: outcome(403, "no") if request.is_transaction and len(fake_server.transactions) > 1 else None
    )

    report = load_files([write(tmp_path, *(patient(name) for name in "abcd"))], target)

    assert isinstance(report.stopped, FhirError)
    assert report.total == Counts(read=4, updated=1, failed=3)
    assert markers(fake_server) == ["GET", "PUT"]
    assert not [request.path for request in fake_server.requests if request.path.endswith("_search")]


@pytest.mark.heavy
def test_a_report_counts_what_arrived(fake_server: FakeServer, fake_target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path, patient("p"), coverage("c", "Patient/p"))
    fake_server.behave(times(1, every_transaction(502)))

    report = load_files([file], fake_target)

    transactions = fake_server.transactions
    assert report.requests == len(fake_server.requests)
    assert report.requests_with_resources == len(transactions) == 3
    assert report.sent_bytes == sum(len(request.body) for request in transactions)
    assert report.status_codes == {"200": 2, "502": 1}
    assert report.retries == 1
    assert report.in_flight[0][1] == 2
    assert 0 < report.sending_seconds <= report.seconds < 60
    assert report.latency.max is not None
    assert 0 < report.latency.max < report.seconds
    assert load_files([file], fake_target).in_flight == ()


def test_a_bundle_goes_with_the_repetitions_of_the_server_only_the_first_time(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(times(1, every_transaction(502)))

    load_files([write(tmp_path, patient("p"))], fake_target)

    asked = [request.headers.get("x-retry-on-version-conflict") for request in fake_server.transactions]
    assert asked == ["retry; max-retries=2", None]


@pytest.mark.heavy
def test_objects_that_are_there_before_a_load_are_left_out_of_garbage_collections_until_it_ends(
    fake_target: Settings, tmp_path: Path
) -> None:
    gc.unfreeze()
    frozen: list[int] = []

    load_files(
        [write(tmp_path, patient("p"))],
        fake_target,
        on_progress=lambda progress: frozen.append(gc.get_freeze_count()) if progress.stage == "files" else None,
    )

    assert min(frozen) > 0
    assert gc.get_freeze_count() == 0


@pytest.mark.heavy
def test_a_full_load_sends_what_is_unchanged_and_what_was_rejected(fake_target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path, patient("p"), observation("o", "Patient/nobody"))
    load_files([file], fake_target)

    report = load_files([file], fake_target, full=True)

    assert report.total == Counts(read=2, already_equal=1, rejected=1)
