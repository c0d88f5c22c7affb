"""Files of a lake that are missing, or have other rows than the manifest says, are found."""

import shutil
from datetime import date, timedelta

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.quality.partitions import partitions_complete
from claims_pipeline.quality.whole import versions_consecutive
from claims_pipeline.schema import CLAIMS, ENROLLMENT, PATIENTS, PAYERS, VISITS, Table

FIRST, DAY, LAST = date(2025, 3, 10), date(2025, 3, 12), date(2025, 3, 14)


def found(lake: Lake, days: list[date] | None = None) -> list[tuple[str, date | None, str]]:
    rows = partitions_complete(lake, lake.days(CLAIMS) if days is None else days)
    return rows.select("table", "day", "detail").rows()


def remove(lake: Lake, table: Table, day: date | None) -> int:
    """Remove a file, and return the number of rows that it had."""
    rows = lake.read(table, day).height
    lake.path(table, day).unlink()
    return rows


def test_a_complete_lake_has_no_finding(clean: Lake) -> None:
    assert found(clean) == []


@pytest.mark.parametrize("day", [FIRST, DAY, LAST], ids=["first", "between", "last"])
def test_a_day_that_the_manifest_knows_and_the_lake_lacks_is_found(lake: Lake, day: date) -> None:
    rows = remove(lake, CLAIMS, day)
    assert found(lake) == [("claims", day, f"no file, but {rows} rows in the manifest")]


def test_a_day_between_others_is_found_without_a_manifest(lake: Lake) -> None:
    remove(lake, CLAIMS, DAY)
    shutil.rmtree(lake.root / "manifest")
    assert found(lake) == [("claims", DAY, "no file")]


def test_a_missing_day_is_in_the_report(lake: Lake) -> None:
    remove(lake, CLAIMS, DAY)
    report = quality.check(lake)
    assert dict(report.counts)["partitions_complete"] == 1
    assert f"partitions_complete  claims/{DAY}  no file, but " in report.render()


@pytest.mark.parametrize("table", [CLAIMS, PATIENTS], ids=lambda table: table.name)
def test_a_file_that_lost_its_rows_is_found(lake: Lake, table: Table) -> None:
    rows = lake.read(table, DAY)
    rows.clear().write_parquet(lake.path(table, DAY))
    assert found(lake) == [(table.name, DAY, f"0 rows, but {rows.height} in the manifest")]


def test_a_day_without_claims_is_no_fault_if_the_manifest_says_so(lake: Lake) -> None:
    with lake.writer() as writer:
        writer.add(CLAIMS, lake.read(CLAIMS, DAY).clear(), DAY)
    assert found(lake) == []


@pytest.mark.parametrize(
    ("table", "day", "name"), [(ENROLLMENT, None, ""), (PAYERS, None, ""), (VISITS, DAY, "year 2025: ")]
)
def test_files_of_more_than_a_day_are_compared_with_the_manifest(
    lake: Lake, table: Table, day: date | None, name: str
) -> None:
    rows = lake.read(table, day)
    rows.head(1).write_parquet(lake.path(table, day))
    assert found(lake) == [(table.name, None, f"{name}1 rows, but {rows.height:,} in the manifest")]
    remove(lake, table, day)
    assert found(lake) == [(table.name, None, f"{name}no file, but {rows.height:,} rows in the manifest")]


def test_of_chosen_days_only_those_and_the_days_between_them_are_judged(lake: Lake) -> None:
    rows = remove(lake, CLAIMS, DAY)
    after = [DAY + timedelta(1), LAST]
    assert found(lake, after) == []
    assert found(lake, [FIRST, LAST]) == [("claims", DAY, f"no file, but {rows} rows in the manifest")]


def versions(lake: Lake, numbers: dict[date, int]) -> None:
    """Give a lake a claim with some versions, and no other claims."""
    row = lake.read(CLAIMS, FIRST).head(1)
    with lake.writer() as writer:
        for day in lake.days(CLAIMS):
            number = numbers.get(day)
            rows = row.clear() if number is None else row.with_columns(version_number=pl.lit(number, dtype=pl.Int32))
            writer.add(CLAIMS, rows, day)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, None, 2, None, 3), []),
        ((1, None, 3, None, 4), ["version 3 instead of 2"]),
        ((1, None, 2, None, 2), ["version 2 instead of 3"]),
        ((None, None, 2, None, None), ["version 2 instead of 1"]),
        ((-1, None, None, None, None), ["version -1 instead of 1"]),
    ],
)
def test_versions_rise_by_one(lake: Lake, numbers: tuple[int | None, ...], expected: list[str]) -> None:
    days = lake.days(CLAIMS)
    versions(lake, {day: number for day, number in zip(days, numbers, strict=True) if number})
    assert versions_consecutive(lake, days)["detail"].to_list() == expected


def test_versions_of_days_that_are_not_checked_are_not_missed(lake: Lake) -> None:
    days = lake.days(CLAIMS)
    versions(lake, {days[0]: 1, days[2]: 2, days[4]: 3})
    assert versions_consecutive(lake, [days[0], days[4]]).is_empty()
    assert versions_consecutive(lake, days[2:]).is_empty()
