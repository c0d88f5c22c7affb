"""US federal holidays as days."""

from dataclasses import dataclass
from datetime import date, timedelta

from claims_pipeline.reference.tables import read_table


@dataclass(frozen=True)
class Holiday:
    """One holiday of one year, on the day on which it is observed.

    `closed_weight` is the share of an ordinary day's office visits on it, `week_change` by how much its whole week
    differs from an ordinary one.
    """

    name: str
    day: date
    closed_weight: float
    week_change: float


def federal_holidays(year: int) -> list[Holiday]:
    """Return the holidays whose date lies in `year`, in the order of the law."""
    return [
        Holiday(row["holiday"], _kept_on(row, year), row["closed_weight"], row["week_change"])
        for row in read_table("holidays").iter_rows(named=True)
    ]


def _kept_on(row: dict[str, int | None], year: int) -> date:
    month = row["month"] or 1
    if row["day"] is not None:
        fixed = date(year, month, row["day"])
        return fixed + timedelta(days={5: -1, 6: 1}.get(fixed.weekday(), 0))
    weekday = (row["weekday"] or 1) - 1
    week = row["week"] or 1
    if week > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (week - 1))
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last - timedelta(days=(last.weekday() - weekday) % 7)
