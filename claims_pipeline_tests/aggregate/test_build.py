"""How a build behaves: published at once, not done twice, refused with a reason."""

import resource
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from claims_pipeline import aggregate, schema
from claims_pipeline.aggregate.source import LAKE_TABLES
from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake
from claims_pipeline_tests.aggregate.example_lake import (
    ANA,
    BEN,
    FEB_3,
    JAN_10,
    JAN_11,
    claim,
    rows,
    write_day,
    write_directory,
    write_example_lake,
)

pytestmark = pytest.mark.heavy


def test_the_report_counts_the_rows_of_each_model(tmp_path: Path) -> None:
    begun: list[str] = []
    report = aggregate.build(write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb", begun.append)
    assert begun == list(report.row_counts)
    assert report.row_counts == {
        "patient_numbers": 3,
        "patients_current": 3,
        "coverages_current": 4,
        "claims_current": 5,
        "claim_lines": 7,
        "claim_versions": 6,
        "member_spans": 3,
        "member_months": 5,
        "patient_totals": 3,
        "claims_by_day": 5,
        "procedures_by_day": 7,
        "procedures": 3,
        "diagnoses": 1,
        "providers": 1,
        "locations": 1,
        "plans": 4,
        "demographics": 2,
        "run_out": 2,
        "provider_outliers": 0,
        "claim_outliers": 0,
        "visit_outliers": 0,
        "lake_totals": 7,
    }
    assert (report.day_count, report.first_day, report.last_day) == (3, JAN_10, FEB_3)
    assert "claims_current                5" in report.render()
    assert report.to_json()["row_counts"]["claim_lines"] == 7


def test_an_unchanged_lake_is_not_built_again(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    first = aggregate.build(lake, analytics_path)
    at = analytics_path.stat()
    second = aggregate.build(lake, analytics_path)
    assert (first.is_unchanged, second.is_unchanged) == (False, True)
    assert "claims_current" not in second.render()
    assert (analytics_path.stat().st_ino, analytics_path.stat().st_mtime_ns) == (at.st_ino, at.st_mtime_ns)
    assert second.row_counts == first.row_counts


def test_one_changed_row_is_built(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    moved = lake.read(schema.PATIENTS, FEB_3).with_columns(city=pl.lit("Waco"))
    moved.write_parquet(lake.path(schema.PATIENTS, FEB_3))
    assert not aggregate.build(lake, analytics_path).is_unchanged
    assert rows(analytics_path, "select distinct city from patients_current") == [("Waco",)]


def test_a_file_of_other_models_is_built_anew(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    with duckdb.connect(analytics_path) as connection:
        connection.execute("update built_from set models_digest = 'older'")
    assert not aggregate.build(lake, analytics_path).is_unchanged


def test_the_file_says_what_it_was_built_from(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    assert aggregate.read_built_from(analytics_path) is None
    aggregate.build(lake, analytics_path)
    built_from = aggregate.read_built_from(analytics_path)
    assert built_from is not None
    assert '"seed":1' in built_from.feed
    assert (built_from.day_count, built_from.population_count) == (3, 4)


def test_a_reader_of_the_old_file_is_not_disturbed_by_a_build(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    with duckdb.connect(analytics_path, read_only=True) as reader:
        write_day(lake, date(2025, 2, 4), [claim("claim-20250204-000000", BEN, "CA", {"1": "1"}, received_date=FEB_3)])
        assert aggregate.build(lake, analytics_path).row_counts["claims_current"] == 6
        assert reader.execute("select count(*) from claims_current").fetchall() == [(5,)]


def test_of_two_builds_at_once_one_does_the_work(tmp_path: Path) -> None:
    lake, path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: aggregate.build(lake, path), range(2)))
    assert sorted(report.is_unchanged for report in reports) == [False, True]


def test_a_build_that_fails_leaves_the_published_file_and_nothing_else(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    before = analytics_path.read_bytes()
    lake.path(schema.CLAIMS, JAN_11).write_bytes(b"not Parquet")
    with pytest.raises(DataError, match="not a readable Parquet file") as caught:
        aggregate.build(lake, analytics_path)
    assert caught.value.where == str(lake.path(schema.CLAIMS, JAN_11))
    assert analytics_path.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"lake", "a.duckdb", ".a.duckdb.lock"}


def test_a_disk_that_is_full_is_the_fault_of_the_analytics_and_not_of_the_lake(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # a larger file fails as on a full disk
        with pytest.raises(DataError, match="the analytics cannot be written") as raised:
            aggregate.build(lake, tmp_path / "a.duckdb")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.where == str(tmp_path / "a.duckdb")
    assert {path.name for path in tmp_path.iterdir()} == {"lake", ".a.duckdb.lock"}


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".a.duckdb.4711.tmp").write_bytes(b"half")
    (tmp_path / ".a.duckdb.4711.tmp.wal").write_bytes(b"half")
    (tmp_path / ".a.duckdb.4711.tmp-spill-x").mkdir()
    (tmp_path / ".a.duckdb.4711.tmp-spill-x" / "duckdb_temp_storage-0.tmp").write_bytes(b"half")
    aggregate.build(write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb")
    assert {path.name for path in tmp_path.iterdir()} == {"lake", "a.duckdb", ".a.duckdb.lock"}


def test_a_lake_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no lake") as caught:
        aggregate.build(Lake(tmp_path / "lake"), tmp_path / "a.duckdb")
    assert caught.value.fix == "claims generate"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_lake_names_what_is_missing(tmp_path: Path) -> None:
    write_directory(Lake(tmp_path / "lake"))
    with pytest.raises(DataError, match="the lake has no claims, patients, coverages"):
        aggregate.build(Lake(tmp_path / "lake"), tmp_path / "a.duckdb")


def test_a_partition_with_other_types_is_refused(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    for day in lake.days(schema.CLAIMS):
        wrong = lake.read(schema.CLAIMS, day).with_columns(total_charge_amount=pl.lit(1.5))
        wrong.write_parquet(lake.path(schema.CLAIMS, day))
    with pytest.raises(DataError, match="total_charge_amount: Float64 instead of Decimal"):
        aggregate.build(lake, tmp_path / "a.duckdb")


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_an_extra_column_in_the_last_file_of_a_table_is_refused(tmp_path: Path, table: schema.Table) -> None:
    lake = write_example_lake(tmp_path / "lake")
    day = FEB_3 if table.is_daily else None
    lake.read(table, day).with_columns(extra=1).write_parquet(lake.path(table, day))
    with pytest.raises(DataError, match=rf"not a partition of {table.name} \(extra: unexpected\)") as caught:
        aggregate.build(lake, tmp_path / "a.duckdb")
    assert caught.value.where == str(lake.path(table, day))


def test_a_lake_of_an_earlier_version_that_lacks_a_column_is_refused_with_the_remedy(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    for day in lake.days(schema.CLAIMS):
        without = lake.read(schema.CLAIMS, day).drop("replaced_claim_id")
        without.write_parquet(lake.path(schema.CLAIMS, day))

    with pytest.raises(DataError, match="replaced_claim_id: missing") as caught:
        aggregate.build(lake, tmp_path / "a.duckdb")

    assert "remove its folder, then claims generate" in caught.value.fix


def test_a_lake_whose_days_hold_no_claims_gives_empty_models(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    write_directory(lake)
    write_day(lake, JAN_10, [])
    row_counts = aggregate.build(lake, tmp_path / "a.duckdb").row_counts
    assert {name for name, count in row_counts.items() if count} == {"lake_totals"}


def test_a_folder_with_quotes_and_glob_characters_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] *home"
    report = aggregate.build(write_example_lake(folder / "lake"), folder / "a.duckdb")
    assert report.row_counts["claims_current"] == 5


@pytest.mark.parametrize(
    "days",
    [(JAN_10, JAN_11, FEB_3), (FEB_3, JAN_11, JAN_10), (JAN_11, FEB_3, JAN_10)],
    ids=["as they come", "backwards", "mixed"],
)
def test_the_order_in_which_days_are_written_does_not_matter(tmp_path: Path, days: tuple[date, ...]) -> None:
    lake = Lake(tmp_path / "lake")
    write_directory(lake)
    for day in days:
        statuses = {JAN_10: "draft", JAN_11: "active", FEB_3: "cancelled"}
        version = claim("claim-1-1", ANA, "TX", {"99213": "1.00"}, received_date=JAN_10)
        write_day(lake, day, [version | {"claim_status": statuses[day]}])
    aggregate.build(lake, tmp_path / "a.duckdb")
    assert rows(tmp_path / "a.duckdb", "select claim_status from claims_current") == [("cancelled",)]
