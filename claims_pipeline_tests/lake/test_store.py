from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake
from claims_pipeline.schema import PATIENTS, PAYERS
from claims_pipeline_tests.defaults import frame

DAY, NEXT_DAY = date(2025, 1, 1), date(2025, 1, 2)


def patients(*numbers: int) -> pl.DataFrame:
    return frame(PATIENTS, [{"patient_id": f"patient-{number:06}"} for number in numbers])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1, 2), DAY)
        writer.add(PATIENTS, patients(2), NEXT_DAY)
    return lake


def test_what_was_written_is_read_again(lake: Lake) -> None:
    assert lake.days(PATIENTS) == [DAY, NEXT_DAY]
    assert_frame_equal(lake.read(PATIENTS, DAY), patients(1, 2))


def test_a_scan_tells_the_day_of_each_row(lake: Lake) -> None:
    rows = lake.scan(PATIENTS).select("day", "patient_id").collect().rows()

    assert rows == [(DAY, "patient-000001"), (DAY, "patient-000002"), (NEXT_DAY, "patient-000002")]


def test_days_read_together_are_what_a_scan_of_them_is(lake: Lake) -> None:
    together = lake.read_days(PATIENTS, [NEXT_DAY, DAY])

    assert_frame_equal(together, lake.scan(PATIENTS, [NEXT_DAY, DAY]).collect())
    assert together["day"].to_list() == [NEXT_DAY, DAY, DAY]


def test_of_days_read_together_some_columns_suffice(lake: Lake) -> None:
    number = pl.col("patient_id").str.tail(1).alias("number")

    together = lake.read_days(PATIENTS, [NEXT_DAY, DAY], "day", number)

    assert together.rows() == [(NEXT_DAY, "2"), (DAY, "1"), (DAY, "2")]


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame.drop("city"),
        lambda frame: frame.with_columns(city=pl.lit(7)),
        lambda frame: frame.with_columns(pl.col("birth_date").cast(pl.Datetime)),
        lambda frame: frame.with_columns(extra=1),
    ],
    ids=["column missing", "other type", "datetime for date", "extra column"],
)
def test_days_read_together_are_refused_where_one_of_them_is_wrong(
    lake: Lake, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    change(lake.read(PATIENTS, NEXT_DAY)).write_parquet(lake.path(PATIENTS, NEXT_DAY))

    with pytest.raises(DataError, match="not all are readable partitions of patients"):
        lake.read_days(PATIENTS, [DAY, NEXT_DAY])


def test_days_read_together_are_refused_where_one_is_missing(lake: Lake) -> None:
    with pytest.raises(DataError, match="not all are readable partitions of patients"):
        lake.read_days(PATIENTS, [DAY, date(2025, 1, 3)])


def test_other_engines_read_the_layout_as_it_stands(lake: Lake) -> None:
    files = f"{lake.root}/patients/*/*.parquet"

    by_duckdb = duckdb.execute(
        "select day, count(*) from read_parquet(?) group by day order by day", [files]
    ).fetchall()
    by_polars = pl.scan_parquet(lake.root / "patients").group_by("day").len().sort("day").collect().rows()

    assert by_duckdb == by_polars == [(DAY, 2), (NEXT_DAY, 1)]


def test_a_partition_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(DataError, match="patients/day=2025-01-03"):
        lake.read(PATIENTS, date(2025, 1, 3))
    with pytest.raises(DataError, match="no partition of patients"):
        lake.scan(PATIENTS, [DAY, date(2025, 1, 3)])


def test_a_file_with_other_columns_is_refused_with_all_differences(lake: Lake) -> None:
    frame = patients(1).drop("city").with_columns(birth_date=pl.lit("1980-05-01"))
    frame.write_parquet(lake.path(PATIENTS, DAY))

    with pytest.raises(DataError) as caught:
        lake.read(PATIENTS, DAY)
    with pytest.raises(DataError, match="city: missing"):
        lake.scan(PATIENTS)

    assert "city: missing" in caught.value.message
    assert "birth_date: String instead of Date" in caught.value.message


@pytest.mark.parametrize("name", ["extra", "day"])
def test_a_file_with_a_column_that_is_not_declared_is_refused_however_it_is_read(lake: Lake, name: str) -> None:
    patients(1).with_columns(pl.lit(1).alias(name)).write_parquet(lake.path(PATIENTS, DAY))

    for read in (lambda: lake.read(PATIENTS, DAY), lambda: lake.scan(PATIENTS)):
        with pytest.raises(DataError, match=rf"not a partition of patients \({name}: unexpected\)"):
            read()


def test_a_folder_with_glob_characters_is_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "it's [1] *lake")
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)
        writer.add(PATIENTS, patients(2), NEXT_DAY)

    assert lake.read(PATIENTS, DAY).height == 1
    assert lake.scan(PATIENTS).collect()["day"].to_list() == [DAY, NEXT_DAY]
    assert lake.read_days(PATIENTS, [DAY, NEXT_DAY]).height == 2


def test_columns_in_another_order_are_read_in_the_declared_one(lake: Lake) -> None:
    shuffled = patients(1).select(reversed(PATIENTS.polars_schema.names()))
    shuffled.write_parquet(lake.path(PATIENTS, DAY))

    assert_frame_equal(lake.read(PATIENTS, DAY), patients(1))
    assert lake.scan(PATIENTS).collect().height == 2
    assert lake.read_days(PATIENTS, [DAY, NEXT_DAY])["patient_id"].to_list() == ["patient-000001", "patient-000002"]


def test_a_file_that_is_replaced_between_two_scans_is_looked_at_again(lake: Lake) -> None:
    lake.scan(PATIENTS)
    patients(1).drop("city").write_parquet(lake.path(PATIENTS, DAY))

    for _ in range(2):
        with pytest.raises(DataError, match="city: missing"):
            lake.scan(PATIENTS)


def test_a_file_that_is_not_parquet_is_refused(lake: Lake) -> None:
    lake.path(PATIENTS, DAY).write_bytes(b"not parquet")

    with pytest.raises(DataError, match="not a readable Parquet file"):
        lake.read(PATIENTS, DAY)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        lake.scan(PATIENTS)


@pytest.mark.parametrize("name", ["day=20250101", "day=2025-02-30", "day=__HIVE_DEFAULT_PARTITION__"])
def test_a_partition_that_is_not_named_for_a_day_is_refused(lake: Lake, name: str) -> None:
    lake.path(PATIENTS, DAY).parent.rename(lake.root / "patients" / name)

    with pytest.raises(DataError, match="its name should be a day such as") as caught:
        lake.days(PATIENTS)

    assert caught.value.where.endswith(name)


def test_a_day_is_given_for_daily_tables_only(lake: Lake) -> None:
    with pytest.raises(ValueError, match="payers is not partitioned by day"):
        lake.path(PAYERS, DAY)
    with pytest.raises(ValueError, match="patients is partitioned by day"):
        lake.path(PATIENTS)
