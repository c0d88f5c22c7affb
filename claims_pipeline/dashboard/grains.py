"""Days, weeks from Monday and months: where each begins and ends, and its name."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "week", "month"]


def calendar(grain: Grain, first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield the first and last day of each period that has a day from `first` to `last`."""
    begin = start_of(grain, first)
    while begin <= last:
        end = _end_of(grain, begin)
        yield begin, end
        begin = end + timedelta(days=1)


def start_of(grain: Grain, day: date) -> date:
    """Return the first day of the period that a day is in, as DuckDB's date_trunc does."""
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def name_of(grain: Grain, first: date) -> str:
    """Return the name of the period that begins on a day, as in "May 2025" or "week from May 5, 2025"."""
    if grain == "month":
        return f"{first:%B %Y}"
    day = f"{first:%b} {first.day}, {first.year}"
    return f"week from {day}" if grain == "week" else day


def months_between(first: date, last: date) -> float:
    """Return how many months the days from `first` to `last` are; a month in part counts by its share of days."""
    return sum(
        ((min(end, last) - max(begin, first)).days + 1) / end.day for begin, end in calendar("month", first, last)
    )


def _end_of(grain: Grain, begin: date) -> date:
    match grain:
        case "day":
            return begin
        case "week":
            return begin + timedelta(days=6)
        case "month":
            return begin.replace(day=monthrange(begin.year, begin.month)[1])
