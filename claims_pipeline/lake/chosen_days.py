"""The days of a lake that a user asks for, and how to make those that it lacks."""

import shlex
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.lake.feed import Feed, read_feed
from claims_pipeline.lake.store import Lake
from claims_pipeline.schema import CLAIMS

DAYS_SHOWN = 3


def chosen_days(lake: Lake, first: date | None, last: date | None, *, output: Path | None = None) -> list[date]:
    """Return the days from `first` to `last`, both included; None stands for the first or last day of the lake.

    Args:
        lake: where the days must be.
        first: first day; None for the first one that the lake has.
        last: last day; None for the last one that the lake has.
        output: the lake's folder, if a suggested command has to name it.

    Raises:
        ConfigError: the lake lacks one of the days; the message has the command that makes it.
        DataError: there is no lake.
    """
    feed = read_feed(lake.root)
    if feed is None:
        raise DataError("there is no lake here", where=str(lake.root), fix="claims generate, or name the lake's folder")
    available = lake.days(CLAIMS)
    days = days_from(first or available[0], last or available[-1]) if available else []
    require_days(lake, feed, days or [first or last or feed.start_date], output=output)
    return days


def require_days(lake: Lake, feed: Feed, days: Collection[date], *, output: Path | None = None) -> None:
    """Check that a lake has partitions of claims for some days.

    Args:
        lake: where the days must be.
        feed: the lake's feed.
        days: the days.
        output: the lake's folder, if a suggested command has to name it.

    Raises:
        ConfigError: it lacks one of the days; the message has the command that makes it.
    """
    available = lake.days(CLAIMS)
    absent = sorted(set(days) - set(available))
    if not absent:
        return
    shown = ", ".join(map(str, absent[:DAYS_SHOWN])) + (", ..." if len(absent) > DAYS_SHOWN else "")
    has = f"it has {available[0]} to {available[-1]}" if available else "it has none"
    raise ConfigError(
        f"the lake has no partition of {shown}; {has}", where=str(lake.root), fix=how_to_make(feed, absent, output)
    )


def days_from(first: date, last: date) -> list[date]:
    """Return the days from `first` to `last`, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def how_to_make(feed: Feed, days: Collection[date], output: Path | None = None) -> str:
    """Return the command that makes days of a feed's lake, or what to do where there are no such days."""
    if min(days) < feed.start_date:
        return f"choose days from {feed.start_date} on, on which the feed begins"
    until = f" --until {max(days)}" if max(days) > feed.end_date else ""
    return f"claims generate{until}" + (f" --output {shlex.quote(str(output))}" if output else "")
