from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline import generate
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.orchestration import analytics_assets, feed_assets
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import CLAIMS, COVERAGES, DAILY, ENROLLMENT, PATIENTS, VISITS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=7, patients=50, claims=300, start_date=date(2025, 1, 1), end_date=date(2025, 1, 10))
ASSETS = (
    feed_assets.directory,
    feed_assets.enrollment,
    feed_assets.patients,
    feed_assets.coverages,
    feed_assets.claims,
    analytics_assets.analytics,
)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def materialize(
    home: Path, instance: dg.DagsterInstance, first: date, last: date, *, raise_on_error: bool = True
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        ASSETS,
        instance=instance,
        resources={"installation": Installation(home=str(home))},
        tags={
            RANGE_START: first.isoformat(),
            RANGE_END: last.isoformat(),
        },
        raise_on_error=raise_on_error,
    )


def test_a_range_in_one_run_gives_the_bytes_of_the_command(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    by_dagster, by_command = Lake(tmp_path / "home" / "lake"), Lake(tmp_path / "lake")
    require_feed(by_dagster.root, FEED)
    require_feed(by_command.root, FEED)

    assert materialize(tmp_path / "home", instance, date(2025, 1, 3), date(2025, 1, 7)).success
    generate.generate_range(by_command, FEED, start=date(2025, 1, 3), end=date(2025, 1, 7))

    for table in DAILY:
        assert by_dagster.days(table) == by_command.days(table)
        for day in by_command.days(table):
            assert by_dagster.digest(table, day) == by_command.digest(table, day)


def test_the_visits_of_a_missing_year_are_made_with_the_first_day(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake = Lake(tmp_path / "lake")
    require_feed(lake.root, FEED)

    materialize(tmp_path, instance, date(2025, 1, 3), date(2025, 1, 3))

    (record,) = instance.fetch_materializations(dg.AssetKey("visits"), limit=10).records
    assert record.asset_materialization
    assert record.asset_materialization.metadata["2025"].value == lake.read(VISITS, date(2025, 1, 1)).height


def test_a_day_years_after_the_feed_records_the_enrollment_that_it_extends(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    ended = FEED.model_copy(update={"start_date": date(2023, 1, 1), "end_date": date(2023, 12, 31)})
    lake = Lake(tmp_path / "lake")
    require_feed(lake.root, ended)
    generate.write_directory(lake, ended)
    generate.write_enrollment(lake, ended)
    reached = lake.digest(ENROLLMENT)

    dg.materialize(
        [feed_assets.patients],
        instance=instance,
        resources={"installation": Installation(home=str(tmp_path))},
        partition_key="2025-01-03",
    )

    assert len(instance.fetch_materializations(dg.AssetKey("enrollment"), limit=10).records) == 1
    assert lake.digest(ENROLLMENT) != reached


def test_the_visits_of_the_feed_can_be_made_before_its_days(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake, by_command = Lake(tmp_path / "lake"), Lake(tmp_path / "other")
    require_feed(lake.root, FEED)
    resources = {"installation": Installation(home=str(tmp_path))}

    dg.materialize([feed_assets.visits], instance=instance, resources=resources)
    generate.write_visits(by_command, FEED, [2025])

    assert lake.digest(VISITS, date(2025, 1, 1)) == by_command.digest(VISITS, date(2025, 1, 1))


def test_each_partition_carries_its_own_row_count(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    lake = Lake(tmp_path / "lake")
    require_feed(lake.root, FEED)
    materialize(tmp_path, instance, date(2025, 1, 3), date(2025, 1, 5))

    for table in (PATIENTS, COVERAGES, CLAIMS):
        records = instance.fetch_materializations(dg.AssetKey(table.name), limit=10).records
        counts = {
            record.partition_key: record.asset_materialization.metadata["dagster/partition_row_count"].value
            for record in records
            if record.asset_materialization
        }
        assert counts == {day.isoformat(): lake.read(table, day).height for day in lake.days(table)}


def test_another_feed_fails_with_what_is_wrong(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_feed(tmp_path / "lake", FEED)
    monkeypatch.setenv("CLAIMS_SEED", "8")

    result = materialize(tmp_path, instance, date(2025, 1, 3), date(2025, 1, 3), raise_on_error=False)

    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert "seed: the lake has 7, wanted 8" in str(failures[0].user_failure_data)
