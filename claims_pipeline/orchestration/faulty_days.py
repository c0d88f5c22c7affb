"""Days whose rows must not reach a FHIR server, and the checks that say so."""

from collections.abc import Mapping, Sequence
from datetime import date

from claims_pipeline import quality
from claims_pipeline.lake import Lake

WARNINGS = frozenset(check.name for check in quality.CHECKS if not check.blocks)
"""Checks whose findings spread no harm; all others block the load of their day."""

DAYS_NAMED = 5

Faults = Mapping[str, int]
"""Findings of a day by check."""


def faulty_days(lake: Lake, days: Sequence[date]) -> dict[date, Faults]:
    """Return the days with findings of a blocking check; a finding in the directory is one of each day.

    Raises:
        DataError: a partition is missing or has other columns than declared.
    """
    rows = quality.findings(lake, days)
    counts = rows.filter(~rows["check"].is_in(list(WARNINGS))).group_by("day", "check", maintain_order=True).len()
    faults: dict[date, dict[str, int]] = {}
    for day, check, count in counts.iter_rows():
        for one in days if day is None else [day]:
            faults.setdefault(one, {})[check] = count
    return dict(sorted(faults.items()))


def name_faults(faults: Mapping[date, Faults]) -> str:
    """Return days, checks and counts as one line."""
    named = [
        f"{day} ({', '.join(f'{check}: {count:,}' for check, count in of_day.items())})"
        for day, of_day in list(faults.items())[:DAYS_NAMED]
    ]
    more = len(faults) - len(named)
    return "; ".join(named) + (f"; and {more:,} more days" if more else "")
