"""Finds the days that are not loaded and that no run is loading, after downtime or failures of any length."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time, timedelta

import dagster as dg

from claims_pipeline.orchestration.partitions import (
    RANGE_END,
    RANGE_START,
    daily,
    days_of_run,
)

LOADED = dg.AssetKey("fhir_load")

DAYS_A_RUN = 92
"""Longer gaps become several runs: each starts soon, and what one of them loses is little."""

DUE_AT = time(3)
"""From this time on (UTC) yesterday's day counts as missing: until then it is the daily schedule's."""

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def last_due_day(now: datetime, due_at: time = DUE_AT) -> date:
    """Return the last day that should be loaded at a time (UTC)."""
    return now.date() - timedelta(days=1 if now.time() >= due_at else 2)


def missing_days(instance: dg.DagsterInstance, last: date) -> list[date]:
    """Return the days up to `last` that are not loaded and that no run is at work on, in order."""
    first = daily.start.date()
    if last < first:
        return []
    loaded = instance.get_materialized_partitions(LOADED)
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
    under_way = {day for run in runs for day in days_of_run(run.tags)}
    all_days = (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1))
    return [day for day in all_days if str(day) not in loaded and day not in under_way]


def requests(days: Collection[date], key: str) -> list[dg.RunRequest]:
    """Return what asks for runs of some days, consecutive ones together; `key` tells this asking from others."""
    return [
        dg.RunRequest(run_key=f"{key}:{run[0]}..{run[-1]}", tags=_tags(run), partition_key=_partition_key(run))
        for run in _consecutive(sorted(days))
    ]


def _partition_key(days: list[date]) -> str | None:
    return str(days[0]) if len(days) == 1 else None


def _tags(days: list[date]) -> Mapping[str, str]:
    return {} if len(days) == 1 else {RANGE_START: str(days[0]), RANGE_END: str(days[-1])}


def _consecutive(days: list[date]) -> Iterator[list[date]]:
    """Split days into runs without a gap of at most DAYS_A_RUN days."""
    run: list[date] = []
    for day in days:
        if run and (day != run[-1] + timedelta(days=1) or len(run) == DAYS_A_RUN):
            yield run
            run = []
        run.append(day)
    if run:
        yield run
