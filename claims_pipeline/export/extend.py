"""Extending a lake past the last day of its feed, as a daily feed does."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from claims_pipeline.errors import ConfigError
from claims_pipeline.export.produce import produce, write_errors_named
from claims_pipeline.export.target import PARQUET, require_target
from claims_pipeline.generate import GenerateReport, OnDays, generate_range
from claims_pipeline.lake import Feed, Lake, days_from
from claims_pipeline.schema import DAILY
from claims_pipeline.settings import LATEST


def extend(
    feed: Feed, output: Path, *, until: date, jobs: int = 1, on_progress: OnDays | None = None
) -> GenerateReport:
    """Write the days after the feed's end, up to `until`, that a lake lacks; claims go on at the feed's rate.

    The days of the feed itself are written first if the lake lacks one. The statistics beside the lake stay those of
    the feed. If the lake has all of the days, the last one is written again, which changes nothing.

    Args:
        feed: the feed of the lake.
        output: the lake.
        until: last day, after the feed's end.
        jobs: as for `produce`.
        on_progress: as for `produce`.

    Raises:
        ConfigError: `until` is not after the feed's end, or what `produce` raises.
        DataError: as for `produce`.
    """
    if until <= feed.end_date:
        raise ConfigError(
            f"--until {until} is not after the feed's last day, {feed.end_date}",
            fix="claims generate without --until makes all days of the feed",
        )
    if until > LATEST:
        raise ConfigError(f"--until {until} lies after {LATEST}, the last day that a feed can have")
    require_target(output, PARQUET)
    lake = Lake(output)
    available = set[date].intersection(*(set(lake.days(table)) for table in DAILY))
    has_feed = available.issuperset(days_from(feed.start_date, feed.end_date))
    of_feed = None if has_feed else produce(feed, output, form=PARQUET, jobs=jobs, on_progress=on_progress)
    later = days_from(feed.end_date + timedelta(days=1), until)
    first = min(set(later) - available, default=until)
    with write_errors_named(output):
        report = generate_range(lake, feed, start=first, end=until, jobs=jobs, on_progress=on_progress)
    return _together(of_feed, report) if of_feed else report


def _together(first: GenerateReport, second: GenerateReport) -> GenerateReport:
    """Return the report of two runs, of which the second goes on where the first ends."""
    summed = ("new_claims", "claim_versions", "patients", "coverages", "files_written", "files_unchanged", "seconds")
    return replace(second, start=first.start, **{name: getattr(first, name) + getattr(second, name) for name in summed})
