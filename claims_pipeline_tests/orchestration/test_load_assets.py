"""The load of a range on the real server: what is recorded when the server goes, a day is faulty, a loader is there."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import polars as pl
import pytest
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from claims_pipeline import generate
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.orchestration import load_turns
from claims_pipeline.orchestration.failures import WITHOUT_RETRIES
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START, daily
from claims_pipeline.orchestration.run import Ended, run_job
from claims_pipeline.ports import free_port
from claims_pipeline.processes import wait_until
from claims_pipeline.schema import CLAIMS, USD
from claims_pipeline.settings import Settings
from claims_pipeline.signals import handlers_restored
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, Request, Rule
from claims_pipeline_tests.server_state import forget_marker

pytestmark = pytest.mark.heavy

FEED = Feed(seed=23, patients=60, claims=300, start_date=date(2025, 2, 1), end_date=date(2025, 2, 12))
FIRST, LAST = FEED.start_date, FEED.end_date
KEYS = [str(date.fromordinal(day)) for day in range(FIRST.toordinal(), LAST.toordinal() + 1)]
SMALL_BUNDLES = {"ops": {"fhir_load": {"config": {"batch_size": 40, "workers": 1}}}}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("home") / "lake")
    require_feed(lake.root, FEED)
    generate.generate_range(lake, FEED, start=FIRST, end=LAST)
    return lake


@pytest.fixture
def home(made: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with the feed's lake that has loaded nothing yet, into a server that does not answer."""
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", BASE)
    monkeypatch.setenv("CLAIMS_FHIR_WAIT_SECONDS", "0.2")
    monkeypatch.setenv("CLAIMS_FHIR_PATIENCE_SECONDS", "0.2")
    shutil.copytree(made.root, tmp_path / "lake")
    return tmp_path


def run(
    instance: dg.DagsterInstance, first: date = FIRST, last: date = LAST, config: Mapping[str, Any] | None = None
) -> Ended:
    tags = {RANGE_START: str(first), RANGE_END: str(last)}
    return run_job(defs, "daily_feed", instance, tags, {**WITHOUT_RETRIES, **(config or {})})


def loaded_days(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(dg.AssetKey("fhir_load")))


def states(instance: dg.DagsterInstance) -> dict[str, AssetPartitionStatus | None]:
    found = instance.get_status_by_partition(dg.AssetKey("fhir_load"), KEYS, daily)
    return dict(found or {})


def numbers(instance: dg.DagsterInstance, day: str) -> dict[str, Any]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("fhir_load"), asset_partitions=[day]), limit=1
    ).records
    event = records[0].asset_materialization
    assert event
    return {name: value.value for name, value in event.metadata.items()}


def gone_after(claim_bundles: int) -> Rule:
    """A server that is gone once it has taken some bundles of claims."""
    taken = 0

    def rule(request: Request) -> httpx.RequestError | None:
        nonlocal taken
        taken += request.is_transaction and request.names[0].startswith("Claim/")
        return httpx.ConnectError("gone") if taken > claim_bundles else None

    return rule


def interrupted_in(claim_bundle: int) -> Rule:
    """A server that interrupts the load while the bundle of claims of that number is in flight."""
    taken = 0

    def rule(request: Request) -> None:
        nonlocal taken
        if request.is_transaction and request.names[0].startswith("Claim/"):
            taken += 1
            if taken == claim_bundle:
                os.kill(os.getpid(), signal.SIGTERM)

    return rule


def plant_negative_total(lake: Lake, day: date) -> None:
    path = lake.path(CLAIMS, day)
    pl.read_parquet(path, hive_partitioning=False).with_columns(
        (pl.col("total_charge_amount") * pl.lit(Decimal(-1))).cast(USD).alias("total_charge_amount")
    ).write_parquet(path)


def daily_feed_without_generating() -> dg.JobDefinition:
    """The checks and the load of the daily job: generating again would put a planted fault right."""
    job = defs.resolve_job_def("daily_feed")
    return job.get_subset(
        asset_selection={dg.AssetKey("fhir_load")},
        asset_check_selection=set(job.asset_layer.asset_graph.asset_check_keys),
    )


@pytest.mark.usefixtures("home")
def test_days_finished_before_the_server_goes_are_recorded_and_the_next_run_sends_the_others(
    fake_server: FakeServer, instance: dg.DagsterInstance
) -> None:
    fake_server.behave(gone_after(claim_bundles=4))
    ended = run(instance, config=SMALL_BUNDLES)
    recorded = loaded_days(instance)
    at_first = states(instance)

    assert not ended.is_success
    assert recorded
    assert recorded < set(KEYS)
    assert all((at_first[day] == AssetPartitionStatus.FAILED) == (day not in recorded) for day in KEYS)

    fake_server.behave_well()
    assert run(instance, config=SMALL_BUNDLES).is_success
    assert loaded_days(instance) == set(KEYS)
    sent = {day: numbers(instance, day)["loaded"] for day in KEYS}
    assert all(sent[day] == 0 for day in recorded)
    assert sum(sent.values()) > 0


def first_ids(evaluation: dg.AssetCheckEvaluation) -> list[Mapping[str, str | int | float | bool | None]]:
    """Return the rows of a failed check's table, a row a faulty day."""
    table = evaluation.metadata["first_ids"]
    assert isinstance(table, dg.TableMetadataValue)
    return [record.data for record in table.records]


def test_a_faulty_day_is_not_loaded_and_the_others_of_its_range_are(
    home: Path, fake_server: FakeServer, instance: dg.DagsterInstance
) -> None:
    plant_negative_total(Lake(home / "lake"), date(2025, 2, 5))

    result = daily_feed_without_generating().execute_in_process(
        instance=instance, tags={RANGE_START: str(FIRST), RANGE_END: str(LAST)}, raise_on_error=False
    )
    failed = {one.check_name: one for one in result.get_asset_check_evaluations() if not one.passed}
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    sent = [resource for one in fake_server.transactions for _, _, resource in one.entries]
    totals = [resource["total"]["value"] for resource in sent if resource["resourceType"] == "Claim"]

    assert str(failed["total_is_sum"].metadata["faulty_days"].value).startswith("{'2025-02-05': ")
    [of_day] = first_ids(failed["total_is_sum"])
    assert of_day["day"] == "2025-02-05"
    assert str(of_day["first_ids"]).startswith("claim-2025")
    assert loaded_days(instance) == set(KEYS) - {"2025-02-05"}
    assert min(totals) > 0
    assert "2025-02-05 (total_is_sum: " in str(failures[0].user_failure_data)


def test_a_run_of_a_faulty_day_alone_ends_before_the_load(
    home: Path, fake_server: FakeServer, instance: dg.DagsterInstance
) -> None:
    plant_negative_total(Lake(home / "lake"), FIRST)

    result = daily_feed_without_generating().execute_in_process(
        instance=instance, partition_key=str(FIRST), raise_on_error=False
    )

    assert [event.step_key for event in result.all_events if event.is_step_failure] == ["claims_quality"]
    assert "fhir_load" not in {event.step_key for event in result.all_events if event.is_step_start}
    assert fake_server.transactions == []


def test_days_are_recorded_turn_after_turn(
    home: Path, fake_server: FakeServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_turns, "ROWS_A_TURN", 1)
    fake_server.behave(gone_after(claim_bundles=3))

    run(instance)

    assert loaded_days(instance) == set(KEYS[-3:])
    assert len(list((home / "runs").glob("*-load-*.json"))) == 4


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("claim_bundles", "recorded"), [(1, KEYS[-1:]), (len(KEYS), KEYS)])
def test_a_signal_in_the_last_bundle_of_a_turn_ends_the_run(
    fake_server: FakeServer,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    claim_bundles: int,
    recorded: list[str],
) -> None:
    monkeypatch.setattr(load_turns, "ROWS_A_TURN", 1)
    fake_server.behave(interrupted_in(claim_bundles))

    with handlers_restored():
        ended = run(instance)

    failures = [event.step_failure_data for event in ended.events if event.is_step_failure]
    assert "interrupted by SIGTERM" in str(failures[0].user_failure_data)
    assert loaded_days(instance) == set(recorded)
    assert len([one for one in fake_server.transactions if one.names[0].startswith("Claim/")]) == claim_bundles


def is_logged(instance: dg.DagsterInstance, text: str) -> bool:
    """Return whether a line of a run's log contains the text."""
    return any(text in entry.user_message for run in instance.get_runs() for entry in instance.all_logs(run.run_id))


@pytest.mark.usefixtures("home")
def test_a_load_into_an_embedded_server_that_is_down_logs_the_reason(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLAIMS_FHIR_BASE_URL")
    monkeypatch.setenv("CLAIMS_FHIR_PORT", str(free_port()))

    assert not run(instance, FIRST, FIRST).is_success

    assert is_logged(instance, "the FHIR server does not answer: the embedded FHIR server was never started")


def test_a_load_logs_which_loader_it_waits_for(
    home: Path, fake_server: FakeServer, instance: dg.DagsterInstance
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with open_ledger(home / "ledger.sqlite") as ledger, holding_lock(ledger):
            waiting = pool.submit(run, instance, FIRST, FIRST)
            assert wait_until(
                lambda: is_logged(instance, "another loader writes with this ledger: process "), seconds=60
            )
            assert not waiting.done()
            assert fake_server.transactions == []
        ended = waiting.result(timeout=60)

    assert ended.is_success
    assert fake_server.transactions


@pytest.mark.server
def test_overlapping_loads_of_two_runs_and_of_the_command_all_succeed(
    home: Path, fhir_server: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", fhir_server.fhir_base_url)
    forget_marker(fhir_server.fhir_base_url)
    command = [sys.executable, "-m", "claims_pipeline.cli", "load", str(home / "lake"), "--wait", "--no-aggregate"]

    with (
        dg.DagsterInstance.ephemeral() as another,
        ThreadPoolExecutor(2) as pool,
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        newer = pool.submit(run, instance, date(2025, 2, 6), LAST)
        older = pool.submit(run, another, FIRST, date(2025, 2, 8))
        ends = [newer.result().is_success, older.result().is_success]
        output = process.communicate()

    assert ends == [True, True]
    assert process.returncode == 0, output
