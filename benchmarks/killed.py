"""What a load waits for after another was ended by kill -9: `python -m benchmarks.killed [--seconds 60]`.

A process takes a Dagster pool, or the ledger's lock, and is killed. Another one asks for the same. Prints how long it
waits, or that it still waited when the time was up. No daemon runs; one would free the slot of a dead run after
`run_monitoring.free_slots_after_run_end_seconds`, once it has noticed that the run is dead.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg

from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger

POOL = "concurrency: {pools: {default_limit: 1, granularity: op}}\n"


def hold_pool(folder: Path, mark: Path) -> None:
    """Run a step that needs the pool, makes a file, and goes on for as long as it is left alone."""

    @dg.op(pool="fhir")
    def load() -> None:
        mark.touch()
        time.sleep(3600)

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        load()

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        job.execute_in_process(instance=instance)


def hold_lock(folder: Path, mark: Path) -> None:
    """Hold the ledger's lock, make a file, and go on for as long as it is left alone."""
    with open_ledger(folder / "ledger.sqlite") as ledger, holding_lock(ledger, wait=True):
        mark.touch()
        time.sleep(3600)


def started(what: str, folder: Path, mark: Path) -> "subprocess.Popen[bytes]":
    """Start a process that holds something."""
    command = [sys.executable, "-m", "benchmarks.killed", "--hold", what, str(folder), str(mark)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def seconds_until(mark: Path, limit: float) -> float | None:
    """Return how long it takes until a file is there, None if it is not in time."""
    began = time.perf_counter()
    while time.perf_counter() - began < limit:
        if mark.exists():
            return time.perf_counter() - began
        time.sleep(0.05)
    return None


def wait_after_kill(what: str, limit: float) -> tuple[float | None, float | None]:
    """Return how long the first process needs to get in, and the second after the first was killed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dagster.yaml").write_text(POOL, encoding="utf-8")
        with started(what, folder, folder / "first") as first:
            got_in = seconds_until(folder / "first", limit)
            os.kill(first.pid, signal.SIGKILL)
        with started(what, folder, folder / "second") as second:
            waited = seconds_until(folder / "second", limit)
            second.kill()
        return got_in, waited


def main() -> None:
    """Print both waits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--hold", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.hold:
        what, folder, mark = given.hold
        {"pool": hold_pool, "lock": hold_lock}[what](Path(folder), Path(mark))
        return
    for what in ("lock", "pool"):
        first, second = wait_after_kill(what, given.seconds)
        after = f"{second:.1f} s" if second else f"not in {given.seconds:.0f} s"
        print(f"{what}: the first is in after {first or 0:.1f} s; after kill -9 the second is in: {after}")


if __name__ == "__main__":
    main()
