"""How Dagster's storage grows: `python -m benchmarks.growth --home FOLDER [--days 60] [--without-maintenance]`.

Runs `daily_feed` without the load, `refresh` without the checks of the server, and `maintenance` on Sundays, each at
the time of its schedule on a clock that is moved from day to day. The same folder again goes on with the next day.
Prints the size of the storage after each day as a number and as a bar.
"""

import argparse
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import time_machine

from benchmarks.dagster import FEED_ASSETS, START, day_without_load, size
from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration.failures import WITHOUT_RETRIES
from claims_pipeline.settings import load_settings
from claims_pipeline.stack.services import dagster_instance

FEED = Feed(seed=1, patients=1_000, claims=10_000, start_date=START, end_date=START + timedelta(days=364))
SUNDAY = 7
BAR_MIB = 4
"""So many MiB are a character of the bar."""


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the instance of an installation as `claims up` makes it."""
    with dg.DagsterInstance.from_config(str(dagster_instance(load_settings(home=home)))) as instance:
        yield instance


def run_day(instance: dg.DagsterInstance, day: date, *, with_maintenance: bool) -> None:
    """Run what is due on the morning after a day."""
    morning = day + timedelta(days=1)
    with at(morning, time(2, 15)):
        day_without_load().execute_in_process(instance=instance, partition_key=str(day), run_config=WITHOUT_RETRIES)
        refresh_without_server().execute_in_process(instance=instance, run_config=WITHOUT_RETRIES)
    if with_maintenance and morning.isoweekday() == SUNDAY:
        with at(morning, time(4, 30)):
            defs.resolve_job_def("maintenance").execute_in_process(instance=instance)


@contextmanager
def at(day: date, clock: time) -> Iterator[None]:
    """Let it be some time (UTC) in a `with` block."""
    with time_machine.travel(datetime.combine(day, clock, UTC), tick=True):
        yield


def refresh_without_server() -> dg.JobDefinition:
    """Return `refresh` without the checks that ask the FHIR server."""
    job = defs.resolve_job_def("refresh")
    graph = job.asset_layer.asset_graph
    checks = {key for key in graph.asset_check_keys if key.asset_key != dg.AssetKey("fhir_load")}
    return job.get_subset(asset_selection=set(job.asset_layer.selected_asset_keys), asset_check_selection=checks)


def main() -> None:
    """Print a line a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--without-maintenance", action="store_true")
    args = parser.parse_args()
    os.environ["CLAIMS_HOME"] = str(args.home)
    logging.disable(logging.INFO)
    require_feed(args.home / "lake", FEED)
    storage = args.home / "dagster"
    with instance_of(args.home) as instance:
        done = instance.get_materialized_partitions(dg.AssetKey(FEED_ASSETS[-1]))
        first = max(map(date.fromisoformat, done), default=START - timedelta(days=1)) + timedelta(days=1)
        for number in range(args.days):
            day = first + timedelta(days=number)
            run_day(instance, day, with_maintenance=not args.without_maintenance)
            mib = size(storage) / (1 << 20)
            runs = instance.get_runs_count()
            print(f"{day} {mib:7.1f} MiB {runs:4} runs {'#' * round(mib / BAR_MIB)}", flush=True)


if __name__ == "__main__":
    main()
