"""What Dagster itself costs: `python -m benchmarks.dagster [--days 365]`, in seconds of CPU.

Compares the daily job with one job of all assets, as `dagster asset materialize --select '*'` runs it, and Dagster's
event log in SQLite (single events) with ours (batches): events planned before a range run begins, the range run without
the load, and the same again. Prints ratios too; absolute figures are those of the machine. How the storage grows is
measured by `benchmarks.growth`.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from claims_pipeline.definitions import defs
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration import event_storage
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


def children(command: Sequence[str]) -> tuple[float, float]:
    """Return the wall time and the CPU seconds of a command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def day_without_load() -> dg.JobDefinition:
    """Return `daily_feed` up to the load, with the checks of `claims`."""
    job = defs.resolve_job_def("daily_feed")
    feed = {dg.AssetKey(name) for name in FEED_ASSETS}
    checks = {key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key in feed}
    return job.get_subset(asset_selection=feed, asset_check_selection=checks)


def whole_range(home: Path, name: str, tags: dict[str, str]) -> tuple[float, float]:
    """Plan a range and run it twice with an event log; return the CPU of planning and of the unchanged run."""
    folder = home / name
    folder.mkdir()
    if name == "batches":
        (folder / "dagster.yaml").write_text(event_storage.configuration(folder), encoding="utf-8")
    with opened_instance(folder) as instance:
        daily, seconds = planned(defs.resolve_job_def("daily_feed"), instance, tags)
        everything, seconds_all = planned(defs.resolve_implicit_global_asset_job_def(), instance, tags)
        print(f"{name}: daily job {daily:,} events planned, {seconds:.1f} s of CPU")
        print(f"{name}: all assets {everything:,} events planned, {seconds_all:.1f} s of CPU")
        print(f"{name}: {daily / everything:.2f} of the events, {seconds / seconds_all:.2f} of the CPU")
        first = cpu(lambda: generating(instance, tags))
        again = cpu(lambda: generating(instance, tags))
        print(f"{name}: the range without the load {first:.1f} s of CPU, unchanged {again:.1f} s")
    return seconds, again


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    days = parser.parse_args().days
    last = START + timedelta(days=days - 1)
    tags = {RANGE_START: str(START), RANGE_END: str(last)}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["CLAIMS_HOME"] = folder
        wall, seconds = children(["-c", "import claims_pipeline.definitions"])
        print(f"import of the definitions: {wall:.1f} s, {seconds:.1f} s of CPU")
        require_feed(home / "lake", Feed(seed=1, patients=1_000, claims=10_000, start_date=START, end_date=last))
        command = ["-m", "dagster", "asset", "materialize", "-m", "claims_pipeline.definitions"]
        wall, seconds = children([*command, "--select", ",".join(FEED_ASSETS), "--partition", str(START)])
        print(f"one day by the command line, without the load: {wall:.1f} s, {seconds:.1f} s of CPU")
        plain = whole_range(home, "single events", tags)
        batches = whole_range(home, "batches", tags)
        ratios = f"planning {batches[0] / plain[0]:.2f}, unchanged {batches[1] / plain[1]:.2f}"
        print(f"batches against single events: {ratios}")


if __name__ == "__main__":
    main()
