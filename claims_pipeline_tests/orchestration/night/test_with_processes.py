"""A night without hands, with everything real: Dagster's processes, the FHIR server, a receiver of alerts, a kill.

Schedule, sensors and daemon are on. A run's process is killed in mid-load, the FHIR server is gone for a minute in
mid-load, all of Dagster is off for three days of its clock, and the claims of one day have a fault.
"""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import dagster as dg
import httpx
import pytest

from claims_pipeline import load, server
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.missing_days import LOADED, UNDER_WAY
from claims_pipeline.ports import free_port
from claims_pipeline.processes import wait_until
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline_tests.conftest import open_home
from claims_pipeline_tests.orchestration.night import planted
from claims_pipeline_tests.orchestration.night.dagster_processes import dagster_processes, worker_of
from claims_pipeline_tests.orchestration.receivers import webhook
from claims_pipeline_tests.server_state import NO_CACHE, forget_marker

DAYS_OFF = 3
TODAY = datetime.now(UTC).date() + timedelta(days=1 + DAYS_OFF)
"""The day of the morning."""
FEED = Feed(
    seed=41,
    patients=400,
    claims=2_000,
    start_date=TODAY - timedelta(days=18),
    end_date=TODAY - timedelta(days=1),
)
DAYS = [FEED.start_date + timedelta(days=number) for number in range(18)]
BEFORE, OFF = DAYS[:-DAYS_OFF], DAYS[-DAYS_OFF:]
"""The days before Dagster was off, and those that became due meanwhile."""
FAULTY = OFF[0]

EVENING = datetime.combine(OFF[0], clock(2, 14, 30), UTC)
"""Half a minute before the schedule's tick for the last of the days before."""
MORNING = datetime.combine(TODAY, clock(3, 10), UTC)
"""Three days later, when yesterday is due and the day before it is late."""
STALE = "claims_pipeline: check fhir_load.yesterday_is_loaded failed"
FAILED = "claims_pipeline: daily_feed failed"

MODULE = "claims_pipeline_tests.orchestration.night.planted"
OUTAGE_SECONDS = 60
PATIENCE_SECONDS = 420


@pytest.fixture
def home() -> Iterator[Path]:
    home = open_home()
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def settings(home: Path, spare_server: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with the feed that has loaded nothing, in the environment that Dagster's processes inherit."""
    faulty_days = home / "faulty-days"
    faulty_days.write_text(f"{FAULTY}\n", encoding="utf-8")
    environment = {
        "CLAIMS_HOME": home,
        "CLAIMS_FHIR_BASE_URL": spare_server.fhir_base_url,
        "CLAIMS_DAGSTER_PORT": free_port(),
        "CLAIMS_BATCH_SIZE": 10,
        "CLAIMS_WORKERS": 1,
        planted.FAULTY_DAYS_FILE: faulty_days,
        "PYTHONPATH": f"{Path(__file__).with_name('clock')}{os.pathsep}{Path(planted.__file__).parents[3]}",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    require_feed(home / "lake", FEED)
    forget_marker(spare_server.fhir_base_url)
    return load_settings()


def at(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes that are started from now on believe that it is some moment."""
    monkeypatch.setenv("CLOCK_MOVED_BY", str((moment - datetime.now(UTC)).total_seconds()))


def claims_on(fhir_server: Settings) -> int:
    """Return how many claims the server holds."""
    address = f"{fhir_server.fhir_base_url}/Claim?_summary=count"
    return int(httpx.get(address, headers=NO_CACHE, trust_env=False, timeout=60).json()["total"])


def eventually(condition: Callable[[], bool], what: str) -> None:
    assert wait_until(condition, seconds=PATIENCE_SECONDS), f"in {PATIENCE_SECONDS} s not: {what}"


def loaded(instance: dg.DagsterInstance) -> set[date]:
    return {date.fromisoformat(key) for key in instance.get_materialized_partitions(LOADED)}


def is_idle(instance: dg.DagsterInstance) -> bool:
    return not instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))


def loading(instance: dg.DagsterInstance) -> str | None:
    """Return the run whose load is being executed now."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        if any(event.step_key == "fhir_load" for event in events):
            return run.run_id
    return None


def in_mid_load(instance: dg.DagsterInstance, fhir_server: Settings, *, more_than: int) -> Callable[[], bool]:
    return lambda: loading(instance) is not None and claims_on(fhir_server) > more_than


@pytest.mark.server
@pytest.mark.slow
def test_in_the_morning_all_days_are_loaded_but_the_faulty_one(
    settings: Settings, spare_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claims_on(spare_server)
    with webhook() as (address, alerts), opened_instance(settings.dagster_path) as instance:
        monkeypatch.setenv("CLAIMS_ALERT_WEBHOOK", address)

        at(EVENING, monkeypatch)
        with dagster_processes(settings, MODULE) as ui:
            ui.switch_on()
            ui.backfill(BEFORE[:-1])

            eventually(in_mid_load(instance, spare_server, more_than=held + 100), "a load to kill")
            killed = loading(instance)
            assert killed
            worker = worker_of(instance, killed)
            assert worker
            os.kill(worker, signal.SIGKILL)
            eventually(lambda: has_failed(instance, killed), "the killed run has failed")

            eventually(
                in_mid_load(instance, spare_server, more_than=claims_on(spare_server) + 100), "a load to cut off"
            )
            server.stop(spare_server)
            time.sleep(OUTAGE_SECONDS)
            server.start(spare_server)

            eventually(lambda: loaded(instance) == set(BEFORE), "the days before are loaded")
            eventually(lambda: is_idle(instance), "the runs have ended")
            eventually(lambda: len(alerts) == 2, "the all-clear that the new installation is not stale any more")
        assert subjects(alerts) == [STALE, f"over: {STALE}"]  # the kill and the outage mended themselves

        at(MORNING, monkeypatch)
        alerts.clear()
        with dagster_processes(settings, MODULE) as ui:
            eventually(lambda: loaded(instance) == set(DAYS) - {FAULTY}, "the days off are loaded")
            eventually(lambda: is_idle(instance), "the runs have ended")
            eventually(lambda: FAILED in subjects(alerts), "the faulty day is reported")
            late = [subject for subject in subjects(alerts) if subject != FAILED]
            assert late in ([], [STALE, f"over: {STALE}"])  # yesterday may be loaded before a tick finds it late
            assert subjects(alerts).count(FAILED) == 1
            [failed] = [alert["text"] for alert in alerts if alert["text"].startswith(FAILED)]
            assert f"days: {FAULTY}\n" in failed
            assert "total_is_sum" in failed
            assert load.reconcile(settings, deep=True).is_equal

            Path(os.environ[planted.FAULTY_DAYS_FILE]).write_text("", encoding="utf-8")  # a person puts it right
            ui.run_day(FAULTY)
            eventually(lambda: loaded(instance) == set(DAYS), "the mended day is loaded")
            eventually(lambda: f"over: {FAILED}" in subjects(alerts), "the all-clear")
            eventually(lambda: is_idle(instance), "the runs have ended")

        assert [subject for subject in subjects(alerts) if subject not in late] == [FAILED, f"over: {FAILED}"]
        assert load.reconcile(settings, deep=True).is_equal


def subjects(alerts: Sequence[Mapping[str, str]]) -> list[str]:
    return [alert["text"].splitlines()[0] for alert in alerts]


def has_failed(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status == dg.DagsterRunStatus.FAILURE
