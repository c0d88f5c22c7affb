"""Time and memory of the generator, each case in a process of its own.

Run: python -m benchmarks.generate [--largest 1000000] [--rounds 3]
Cases above `--largest` claims are left out. Prints a Markdown table: wall and CPU seconds (user and system) with
Python's start, medians over the rounds, and the greatest resident memory.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RANGE = ("--start-date", "2025-01-01", "--end-date", "2025-12-31")
ONE_DAY = """
import sys
from datetime import date
from pathlib import Path
from claims_pipeline.generate import write_claims, write_coverages, write_patients
from claims_pipeline.lake import Feed, Lake
feed = Feed(seed=20250101, patients=1_000_000, claims=365_000, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
lake, days = Lake(Path(sys.argv[1])), [date.fromisoformat(sys.argv[2])]
for write in (write_patients, write_coverages, write_claims):
    write(lake, feed, days)
"""


@dataclass(frozen=True)
class Case:
    """A call to measure; `{output}` in it is a folder that does not exist yet, or that `before` has made."""

    name: str
    claims: int
    call: Sequence[str]
    before: Sequence[str] = ()


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_seconds: float
    cpu_seconds: float
    resident_bytes: int


def cases() -> list[Case]:
    """Return the cases that docs/generator.md reports."""
    claims = [sys.executable, "-m", "claims_pipeline.cli", "generate", *RANGE, "--output", "{output}"]
    found = []
    for count in (10_000, 100_000, 1_000_000, 10_000_000):
        sizes = ["--claims", str(count), "--patients", str(count // 10)]
        found.append(Case(f"{count:,} claims, {count // 10:,} people, 365 days, parquet", count, [*claims, *sizes]))
        if count == 100_000:
            found.append(Case(f"{count:,} claims, ndjson", count, [*claims, *sizes, "--format", "ndjson"]))
            found.append(Case(f"{count:,} claims, one job", count, [*claims, *sizes, "--jobs", "1"]))
    first, next_one = ([sys.executable, "-c", ONE_DAY, "{output}", day] for day in ("2025-06-04", "2025-06-05"))
    one_day = "day of about 1,000 claims out of 1,000,000 people"
    return [*found, Case(f"first {one_day}", 1_000, first), Case(f"next {one_day}", 1_000, next_one, before=first)]


def run(case: Case, folder: Path) -> Cost:
    """Run a case once."""
    output = folder / "output"
    shutil.rmtree(output, ignore_errors=True)
    environment = os.environ | {"CLAIMS_HOME": str(folder / "home")}
    for call in filter(None, (case.before, case.call)):
        began = time.perf_counter()
        with subprocess.Popen(
            [part.replace("{output}", str(output)) for part in call],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, case.name
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    print("| case | wall s | CPU s | resident MiB |\n| --- | ---: | ---: | ---: |")
    for case in cases():
        if case.claims > wanted.largest:
            continue
        with tempfile.TemporaryDirectory() as folder:
            costs = [run(case, Path(folder)) for _ in range(wanted.rounds)]
        wall = statistics.median(cost.wall_seconds for cost in costs)
        cpu = statistics.median(cost.cpu_seconds for cost in costs)
        resident = max(cost.resident_bytes for cost in costs) / 2**20
        print(f"| {case.name} | {wall:.1f} | {cpu:.1f} | {resident:,.0f} |", flush=True)
    load = os.getloadavg()[0]
    print(f"\nLoad average at the end: {load:.1f} on {os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
