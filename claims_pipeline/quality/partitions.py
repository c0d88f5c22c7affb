"""Check of the files of a lake: none is missing between the first and the last day, and none has lost rows."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import FINDING
from claims_pipeline.schema import CLAIMS, DAILY, TABLES, Table


def partitions_complete(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No day is missing between the first and the last, and each file has the rows that the manifest says."""
    is_whole = list(days) == lake.days(CLAIMS)
    faults: list[tuple[str, date | None, str]] = [
        (table.name, day, fault)
        for table in DAILY
        for day, fault in _faults_of_days(lake, table, days, is_whole=is_whole)
    ]
    others = (table for table in TABLES.values() if not table.is_daily)
    faults += [(table.name, None, fault) for table in others for fault in _faults_of_files(lake, table)]
    rows = [("partitions_complete", table, day, None, fault) for table, day, fault in faults]
    return pl.DataFrame(rows, schema=FINDING, orient="row")


def _faults_of_days(lake: Lake, table: Table, days: Sequence[date], *, is_whole: bool) -> list[tuple[date, str]]:
    """Return what is wrong with days of a daily table: those checked, of the whole lake all that the manifest knows."""
    present = lake.days(table)
    noted = {date.fromisoformat(day): entry.rows for day, entry in lake.manifest(table).items()}
    ends = [*days, *noted] if is_whole else days
    first, last = min(ends), max(ends)
    present = [day for day in present if first <= day <= last]
    counts = dict(lake.scan(table, present).group_by("day").len().collect().iter_rows()) if present else {}
    expected = [first + timedelta(number) for number in range((last - first).days + 1)]
    absent = set(expected) - set(present)
    faults = [(day, _missing(noted.get(day))) for day in sorted(absent)]
    differing = (day for day in present if noted.get(day, counts.get(day, 0)) != counts.get(day, 0))
    return faults + [(day, _differs(counts.get(day, 0), noted[day])) for day in differing]


def _faults_of_files(lake: Lake, table: Table) -> list[str]:
    """Return what is wrong with files of a table that has one, or one a year, as far as the manifest knows them."""
    faults = []
    for key, entry in lake.manifest(table).items():
        year = date(int(key), 1, 1) if key else None
        name = f"year {key}: " if key else ""
        if not lake.path(table, year).exists():
            faults.append(name + _missing(entry.rows))
        elif (rows := lake.count(table, year)) != entry.rows:
            faults.append(name + _differs(rows, entry.rows))
    return faults


def _missing(noted: int | None) -> str:
    return "no file" if noted is None else f"no file, but {noted:,} rows in the manifest"


def _differs(rows: int, noted: int) -> str:
    return f"{rows:,} rows, but {noted:,} in the manifest"
