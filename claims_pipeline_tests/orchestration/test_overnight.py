"""A night without hands, in short: the server goes, a run is killed, days are missed, a day has a fault; then morning.

The ticks of schedule and sensors are evaluated, and the runs that they ask for are executed one after the other, with
the real FHIR server at the end of a cable. night/test_with_processes.py has the same with Dagster's own processes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline import load
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration import sensors
from claims_pipeline.orchestration.missing_days import LOADED, UNDER_WAY
from claims_pipeline.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.orchestration.run import Ended, run_job
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline.stack.services import dagster_instance
from claims_pipeline_tests.orchestration.night import planted
from claims_pipeline_tests.orchestration.night.cable import Cable, cable
from claims_pipeline_tests.orchestration.receivers import webhook

FEED = Feed(seed=31, patients=40, claims=150, start_date=date(2025, 1, 1), end_date=date(2025, 1, 9))
DAYS = [FEED.start_date + timedelta(days=number) for number in range(9)]
BACKFILLED, SCHEDULED, MISSED = DAYS[:5], DAYS[5], DAYS[6:]
FAULTY = MISSED[1]
FAILED = "claims_pipeline: daily_feed failed"


class Installed:
    """An installation with schedule and sensors switched on."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.cursors: dict[str, str | None] = {}
        self.tick("alerts")

    def run(self, tags: Mapping[str, str]) -> Ended:
        """Run the days of a request, then look for incidents."""
        ended = run_job(defs, "daily_feed", self.instance, tags)
        self.tick("alerts")
        return ended

    def tick(self, name: str) -> list[Ended]:
        """Evaluate a sensor and run what it asks for."""
        with dg.build_sensor_context(
            self.instance,
            self.cursors.get(name),
            repository_def=defs.get_repository_def(),
            resources={"installation": Installation()},
        ) as context:
            ticked = defs.resolve_sensor_def(name).evaluate_tick(context)
        self.cursors[name] = ticked.cursor
        return [self.run(request.tags) for request in ticked.run_requests or []]

    def scheduled(self, at: datetime) -> list[str | None]:
        """Evaluate the schedule's tick at a time, and return the partitions that it asks for."""
        context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=defs.get_repository_def())
        ticked = defs.resolve_schedule_def("daily_schedule").evaluate_tick(context)
        return [request.partition_key for request in ticked.run_requests or []]

    @property
    def loaded(self) -> set[date]:
        return {date.fromisoformat(key) for key in self.instance.get_materialized_partitions(LOADED)}


@pytest.fixture
def wire(fhir_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cable]:
    with cable(fhir_server.fhir_port) as laid:
        monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", f"http://127.0.0.1:{laid.port}/fhir")
        yield laid


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, str]]]:
    """What arrives at a local receiver of alerts."""
    with webhook() as (address, got):
        monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", address)
        yield got


@pytest.fixture
def installed(tmp_path: Path, told: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    assert told == []
    settings = {
        "HOME": tmp_path,
        "FHIR_WAIT_SECONDS": 0.2,
        "FHIR_PATIENCE_SECONDS": 0.2,
        "BATCH_SIZE": 10,
        "WORKERS": 1,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"CLAIMS_{name}", str(value))
    require_feed(tmp_path / "lake", FEED)
    with dg.DagsterInstance.from_config(str(dagster_instance(load_settings()))) as instance:
        yield Installed(tmp_path, instance)


def subjects(told: list[dict[str, str]]) -> list[str]:
    return [message["text"].splitlines()[0] for message in told]


def killed_in_mid_load(installed: Installed, wire: Cable, day: date) -> dg.DagsterRun:
    """Run a day in a process of its own, kill it in mid-load, and report its end as Dagster's code server does."""
    wire.fall_silent_after(posts=2)
    command = [sys.executable, "-m", "claims_pipeline_tests.orchestration.night.worker"]
    with subprocess.Popen([*command, str(installed.home / "dagster"), str(day)], stderr=subprocess.DEVNULL) as worker:
        assert wire.is_silent.wait(timeout=60)
        os.kill(worker.pid, signal.SIGKILL)
    wire.mend()
    [run] = installed.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    installed.instance.report_run_failed(run)
    installed.tick("alerts")
    killed = installed.instance.get_run_by_id(run.run_id)
    assert killed
    return killed


@pytest.mark.server
def test_a_night_without_hands_ends_with_all_days_loaded_but_the_faulty_one(
    installed: Installed, wire: Cable, told: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    last_due = {"day": BACKFILLED[-1]}
    monkeypatch.setattr(sensors, "last_due_day", lambda _: last_due["day"])

    # The server goes in the middle of a backfill, for longer than the load waits, and comes back.
    wire.cut_after(posts=6)
    assert not installed.run({RANGE_START: str(BACKFILLED[0]), RANGE_END: str(BACKFILLED[-1])}).is_success
    assert installed.tick("missing_days_sensor") == installed.tick("fhir_server_sensor") == []
    assert subjects(told) == [FAILED]
    wire.mend()
    assert [ended.is_success for ended in installed.tick("fhir_server_sensor")] == [True]
    assert installed.loaded == set(BACKFILLED)
    assert subjects(told) == [FAILED, f"over: {FAILED}"]

    # The schedule's run is killed; Dagster repeats it, so nobody is told.
    assert installed.scheduled(datetime.combine(SCHEDULED + timedelta(days=1), time(2, 15), UTC)) == [str(SCHEDULED)]
    assert killed_in_mid_load(installed, wire, SCHEDULED).tags["dagster/will_retry"] == "true"
    assert installed.run({PARTITION: str(SCHEDULED)}).is_success
    assert installed.loaded == {*BACKFILLED, SCHEDULED}

    # The daemon was off for three days, one of which has a fault.
    last_due["day"] = MISSED[-1]
    with planted.faults_on(FAULTY):
        assert [ended.is_success for ended in installed.tick("missing_days_sensor")] == [False]
        assert installed.tick("missing_days_sensor") == []
    assert installed.loaded == set(DAYS) - {FAULTY}
    assert subjects(told)[2:] == [FAILED]
    assert f"{FAULTY} (total_is_sum: " in told[2]["text"]
    assert load.reconcile(load_settings(), deep=True).is_equal
    assert not installed.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))

    # A person puts the day right.
    assert installed.run({PARTITION: str(FAULTY)}).is_success
    assert subjects(told)[3:] == [f"over: {FAILED}"]
    assert installed.loaded == set(DAYS)
    assert load.reconcile(load_settings(), deep=True).is_equal
