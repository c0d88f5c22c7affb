"""What Dagster itself costs: `python -m benchmarks.dagster [--days 365]`, in seconds of CPU.

Compares the daily job with one job of all assets, as `dagster asset materialize --select '*'` runs it, on a SQLite
instance: events planned before a range run begins, and the range run itself without the load. Prints ratios too;
absolute figures are those of the machine.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration.failures import WITHOUT_RETRIES
from claims_pipeline.orchestration.instance import opened_instance
from claims_pipeline.orchestration.partitions import RANGE_END, RANGE_START

START = date(2025, 1, 1)
FEED_ASSETS = ("patients", "coverages", "claims")


def cpu(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that some work takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def planned(job: dg.JobDefinition, instance: dg.DagsterInstance, tags: dict[str, str]) -> tuple[int, float]:
    """Return how many events are planned for a range run of a job before it begins, and their CPU."""
    runs: list[dg.DagsterRun] = []
    seconds = cpu(lambda: runs.append(instance.create_run_for_job(job_def=job, tags=tags)))
    events = instance.all_logs(runs[0].run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    return len(events), seconds


def generating(instance: dg.DagsterInstance, tags: dict[str, str]) -> None:
    """Run the range of the daily job up to the load."""
    job = defs.resolve_job_def("daily_feed").get_subset(asset_selection={dg.AssetKey(name) for name in FEED_ASSETS})
    assert job.execute_in_process(instance=instance, tags=tags, run_config=WITHOUT_RETRIES).success


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    last = START + timedelta(days=days - 1)
    tags = {RANGE_START: str(START), RANGE_END: str(last)}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import claims_pipeline.definitions"], check=True)
    print(f"import of the definitions: {time.perf_counter() - began:.1f} s of wall time")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["CLAIMS_HOME"] = folder
        require_feed(home / "lake", Feed(seed=1, patients=1_000, claims=10_000, start_date=START, end_date=last))
        with opened_instance(home / "dagster") as instance:
            daily, seconds = planned(defs.resolve_job_def("daily_feed"), instance, tags)
            all_assets, seconds_all = planned(defs.resolve_implicit_global_asset_job_def(), instance, tags)
            print(f"planned for {days} days: daily job {daily:,} events, {seconds:.1f} s of CPU")
            print(f"planned for {days} days: all assets {all_assets:,} events, {seconds_all:.1f} s of CPU")
            print(f"ratio {daily / all_assets:.2f} of the events, {seconds / seconds_all:.2f} of the CPU")
            first = cpu(lambda: generating(instance, tags))
            again = cpu(lambda: generating(instance, tags))
            print(f"the range without the load: {first:.1f} s of CPU; unchanged: {again:.1f} s")
            size = sum(file.stat().st_size for file in (home / "dagster").rglob("*") if file.is_file())
            print(f"Dagster's storage after these runs: {size / (1 << 20):.1f} MiB")


if __name__ == "__main__":
    main()
