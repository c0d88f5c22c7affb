"""A run of the daily job in a process of its own: `python -m ...night.worker DAGSTER_HOME DAY`."""

import sys

import dagster as dg

from claims_pipeline.definitions import defs
from claims_pipeline.orchestration.partitions import PARTITION
from claims_pipeline.orchestration.run import run_job

if __name__ == "__main__":
    home, day = sys.argv[1:]
    with dg.DagsterInstance.from_config(home) as instance:
        run_job(defs, "daily_feed", instance, {PARTITION: day})
