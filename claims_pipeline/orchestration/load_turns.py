"""A range of days in turns, newest first, so that finished days are known long before all are.

The newest first: of an id that several days name, the server gets the latest version only, whatever the turns.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow.parquet as pq

from claims_pipeline.lake import Lake
from claims_pipeline.load import Counts, LoadReport
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS

ROWS_A_TURN = 10_000
"""Number of rows, about, that are loaded before their days are recorded as finished."""

TABLES = {"Patient": PATIENTS, "Coverage": COVERAGES, "Claim": CLAIMS}
"""Table behind each resource type that has days."""

Rows = Mapping[str, int]
"""Rows of one day by resource type."""


def rows_by_day(lake: Lake, days: Sequence[date]) -> dict[date, Rows]:
    """Return how many rows each day's partitions have; a partition that is not there has none."""
    return {day: {name: _rows(lake, name, day) for name in TABLES} for day in days}


def turns(rows: Mapping[date, Rows]) -> list[list[date]]:
    """Split days into runs of about ROWS_A_TURN rows, the newest days first; a run has at least one day."""
    split: list[list[date]] = []
    size = ROWS_A_TURN
    for day in sorted(rows, reverse=True):
        if size >= ROWS_A_TURN:
            split.append([])
            size = 0
        split[-1].append(day)
        size += sum(rows[day].values())
    return split


def finished_days(report: LoadReport, rows: Mapping[date, Rows]) -> list[date]:
    """Return the days of which each row has its end and none was rejected or failed; in order."""
    return sorted(day for day in rows if _is_finished(report.by_day.get(str(day), {}), rows[day]))


def _is_finished(counts: Mapping[str, Counts], rows: Rows) -> bool:
    ends = {name: counts.get(name, Counts()) for name in rows}
    return all(end.read == rows[name] and not end.rejected and not end.failed for name, end in ends.items())


def _rows(lake: Lake, resource_type: str, day: date) -> int:
    path = lake.path(TABLES[resource_type], day)
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0
