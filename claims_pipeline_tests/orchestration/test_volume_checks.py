import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from claims_pipeline import aggregate, generate
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.orchestration.analytics_chart import day_chart
from claims_pipeline.orchestration.analytics_checks import totals_built, totals_of_lake
from claims_pipeline.orchestration.volume_checks import odd_charges, unexpected_counts
from claims_pipeline.schema import CLAIMS, USD

pytestmark = pytest.mark.heavy

FEED = Feed(seed=3, patients=200, claims=1_500, start_date=date(2025, 3, 1), end_date=date(2025, 3, 31))
FIRST, LAST = FEED.start_date, FEED.end_date
FRIDAY = date(2025, 3, 28)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("home") / "lake")
    require_feed(lake.root, FEED)
    generate.generate_range(lake, FEED, start=FIRST, end=LAST)
    return lake


@pytest.fixture
def lake(made: Lake, tmp_path: Path) -> Lake:
    shutil.copytree(made.root, tmp_path / "lake")
    return Lake(tmp_path / "lake")


def change(lake: Lake, day: date, claims: pl.Expr | None = None, *, rows: int = 1_000_000) -> None:
    path = lake.path(CLAIMS, day)
    frame = pl.read_parquet(path, hive_partitioning=False).head(rows)
    (frame if claims is None else frame.with_columns(claims)).write_parquet(path)


def times(factor: int) -> pl.Expr:
    return (pl.col("total_charge_amount") * pl.lit(Decimal(factor))).cast(USD)


def days(lake: Lake) -> list[date]:
    return lake.days(CLAIMS)


def test_the_feeds_own_days_are_as_expected(lake: Lake) -> None:
    assert unexpected_counts(lake, FEED, days(lake)) == {}
    assert odd_charges(lake, days(lake)) == {}


def test_a_day_that_lacks_claims_is_named_with_what_it_has(lake: Lake) -> None:
    change(lake, FRIDAY, rows=1)

    assert list(unexpected_counts(lake, FEED, days(lake))) == [FRIDAY]
    assert unexpected_counts(lake, FEED, [LAST]) == {}


def test_a_day_with_ten_times_the_charges_is_named_with_the_ratio(lake: Lake) -> None:
    change(lake, FRIDAY, times(10))

    assert [(day, ratio > 3) for day, ratio in odd_charges(lake, days(lake)).items()] == [(FRIDAY, True)]
    assert odd_charges(lake, [FRIDAY - timedelta(days=1)]) == {}


def test_aggregates_agree_with_their_lake_until_it_changes(lake: Lake, tmp_path: Path) -> None:
    built = tmp_path / "analytics.duckdb"
    aggregate.build(lake, built)
    assert totals_built(built) == totals_of_lake(lake)
    assert "data:image/png;base64," in day_chart(built)

    change(lake, LAST, times(2))

    assert totals_built(built)[0] == totals_of_lake(lake)[0]
    assert totals_built(built)[1] < totals_of_lake(lake)[1]


@pytest.mark.usefixtures("lake")
def test_each_check_of_the_rows_can_be_run_alone(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    job = defs.resolve_job_def("daily_feed")
    for name in ("total_is_sum", "charges_as_before"):
        key = dg.AssetCheckKey(dg.AssetKey("claims"), name)
        alone = job.get_subset(asset_check_selection={key}, asset_selection=set())
        result = alone.execute_in_process(instance=instance, partition_key=str(FRIDAY))

        assert [one.check_name for one in result.get_asset_check_evaluations()] == [name]
        assert result.get_asset_check_evaluations()[0].metadata["first_day"].value == str(FRIDAY)


@pytest.mark.usefixtures("lake")
def test_a_check_of_fidelity_can_be_run_without_its_asset(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    key = dg.AssetCheckKey(dg.AssetKey("fidelity"), "lines_per_claim")
    alone = defs.resolve_job_def("refresh").get_subset(asset_check_selection={key}, asset_selection=set())
    result = alone.execute_in_process(instance=instance)

    assert [one.check_name for one in result.get_asset_check_evaluations()] == ["lines_per_claim"]
    assert result.get_asset_materialization_events() == []


def test_a_check_of_an_aggregate_can_be_run_alone_and_counts_the_wrong_rows(
    lake: Lake, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    aggregate.build(lake, tmp_path / "analytics.duckdb")
    key = dg.AssetCheckKey(dg.AssetKey("providers"), "providers_adds_up")
    alone = defs.resolve_job_def("refresh").get_subset(asset_check_selection={key}, asset_selection=set())

    def result() -> tuple[bool, object]:
        (one,) = alone.execute_in_process(instance=instance).get_asset_check_evaluations()
        return one.passed, one.metadata["wrong_rows"].value

    assert result() == (True, 0)
    with duckdb.connect(tmp_path / "analytics.duckdb") as connection:
        connection.execute("update providers set claim_count = claim_count + 1")
    assert result() == (False, 1)
