"""The partition definitions, and how ranges of it run.

Assets share a run only when partition definition and backfill policy are the same for all of them, and
`dagster asset materialize --partition-range` wants the policy on every selected asset, daily or not.
"""

from collections.abc import Mapping
from datetime import date

import dagster as dg

from claims_pipeline.days import parse_day
from claims_pipeline.lake import first_day
from claims_pipeline.settings import load_settings

daily = dg.DailyPartitionsDefinition(start_date=first_day(load_settings()).isoformat())
"""A partition a day to yesterday, from the first day of the lake's feed, or from CLAIMS_START_DATE without a lake."""

one_run = dg.BackfillPolicy.single_run()
"""A range of days is one run: a run of its own for each day costs seconds of process start."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Tags of a run that say which days it is for, both included."""

PARTITION = "dagster/partition"
"""Tag of a run that is for one day."""


def days_of_run(tags: Mapping[str, str]) -> list[date]:
    """Return the days that a run is for, by its tags; none for a run of what has no days."""
    first, last = tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))
    if first is None or last is None:
        return []
    numbers = range(parse_day(first).toordinal(), parse_day(last).toordinal() + 1)
    return [date.fromordinal(number) for number in numbers]
