"""A night without hands, in short: the server goes, days are missed, a day has a fault; then it is morning.

The sensors are evaluated and the runs that they ask for are executed one after the other, with the server in memory.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx
import polars as pl
import pytest

from claims_pipeline import generate, load
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.orchestration import sensors
from claims_pipeline.orchestration.alerts import look
from claims_pipeline.orchestration.incidents import Book
from claims_pipeline.orchestration.missing_days import LOADED
from claims_pipeline.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.orchestration.run import Ended, run_job
from claims_pipeline.schema import CLAIMS, USD
from claims_pipeline.settings import load_settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, Request, Rule

FEED = Feed(seed=31, patients=60, claims=300, start_date=date(2025, 1, 1), end_date=date(2025, 1, 12))
DAYS = [FEED.start_date + timedelta(days=number) for number in range(12)]
FAULTY = DAYS[10]
CHECKS = sorted(defs.resolve_asset_graph().asset_check_keys)
NIGHT = DAYS[8]
"""The last day before the daemon was off for three."""


class Installed:
    """An installation with schedule, sensors and alerts switched on, and the time of its daemon."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.lake = Lake(home / "lake")
        self.instance = instance
        self.cursors: dict[str, str | None] = {}
        self.book = Book(runs_until=(datetime.now(UTC) - timedelta(minutes=1)).timestamp())

    def run(self, tags: Mapping[str, str]) -> Ended:
        """Run the days of a request, then look for incidents."""
        ended = run_job(defs, "daily_feed", self.instance, tags)
        look(self.instance, self.book, CHECKS)
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

    @property
    def loaded(self) -> set[str]:
        return set(self.instance.get_materialized_partitions(LOADED))

    @property
    def told(self) -> list[str]:
        return [subject for subject, _ in self.book.unsent]


@pytest.fixture
def installed(tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Installed:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", BASE)
    monkeypatch.setenv("CLAIMS_FHIR_WAIT_SECONDS", "0.2")
    monkeypatch.setenv("CLAIMS_FHIR_PATIENCE_SECONDS", "0.2")
    monkeypatch.setenv("CLAIMS_BATCH_SIZE", "50")
    require_feed(tmp_path / "lake", FEED)
    return Installed(tmp_path, instance)


def goes_after_two_bundles_of_claims() -> Rule:
    taken = 0

    def rule(request: Request) -> httpx.RequestError | None:
        nonlocal taken
        taken += request.is_transaction and request.names[0].startswith("Claim/")
        return httpx.ConnectError("gone") if taken > 2 else None

    return rule


def plant_a_fault(lake: Lake) -> None:
    path = lake.path(CLAIMS, FAULTY)
    pl.read_parquet(path, hive_partitioning=False).with_columns(
        (-pl.col("total_charge_amount")).cast(USD).alias("total_charge_amount")
    ).write_parquet(path)


def test_a_night_without_hands_ends_with_all_days_loaded_but_the_faulty_one(
    installed: Installed, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = {"answers": True}
    last_day = {"due": NIGHT}
    monkeypatch.setattr(sensors, "answers", lambda _: server["answers"])
    monkeypatch.setattr(sensors, "last_due_day", lambda _: last_day["due"])
    write_claims = generate.write_claims

    def write_and_plant(lake: Lake, feed: Feed, days: Iterable[date]) -> Mapping[date, int]:
        rows = write_claims(lake, feed, days)
        if FAULTY in rows:
            plant_a_fault(lake)
        return rows

    monkeypatch.setattr(generate, "write_claims", write_and_plant)

    # The server goes in the middle of a backfill, and answers again a minute later.
    fake_server.behave(goes_after_two_bundles_of_claims())
    assert not installed.run({RANGE_START: str(DAYS[0]), RANGE_END: str(NIGHT)}).is_success
    server["answers"] = False
    assert installed.tick("missing_days_sensor") == installed.tick("fhir_server_sensor") == []
    server["answers"] = True
    fake_server.behave_well()
    assert all(ended.is_success for ended in installed.tick("fhir_server_sensor"))
    assert installed.loaded == {str(day) for day in DAYS[:9]}
    assert installed.told == ["claims_pipeline: daily_feed failed", "over: claims_pipeline: daily_feed failed"]

    # The daemon was off for three days, one of which has a fault.
    last_day["due"] = DAYS[-1]
    assert [ended.is_success for ended in installed.tick("missing_days_sensor")] == [False]
    installed.tick("missing_days_sensor")
    look(installed.instance, installed.book, CHECKS)

    assert installed.loaded == {str(day) for day in DAYS if day != FAULTY}
    assert installed.told[2:] == ["claims_pipeline: daily_feed failed"]
    assert f"{FAULTY} (total_is_sum: " in installed.book.unsent[2][1]
    assert load.reconcile(load_settings(), deep=True).is_equal
    assert not installed.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))

    # A person puts the day right.
    monkeypatch.setattr(generate, "write_claims", write_claims)
    assert installed.run({PARTITION: str(FAULTY)}).is_success
    assert installed.told[3:] == ["over: claims_pipeline: daily_feed failed"]
    assert installed.loaded == {str(day) for day in DAYS}
    assert load.reconcile(load_settings(), deep=True).is_equal
