"""Time and memory of the dashboard: `python -m benchmarks.dashboard [--claims 500000] [--readers N]`.

Generates a year of claims, builds the analytics, starts `claims dashboard` and asks as the page does. `new` asks under
filters that no one has asked for before, `again` the same question a second time; "other days" and "other state" are
what a tab of the page asks after a filter change, for its first screen or in all, over six connections as a browser
does. Prints a Markdown table: medians, and the slowest, over the rounds. Then, in Chromium if there is one: the time
until a tab has all of its first screen, with an empty cache of the browser and with a full one, then also what lies
below it, how much moves meanwhile (cumulative layout shift), and both times after another first day was chosen.

With `--readers`, that many clients ask at the same time for `--seconds` while the file is published `--publishes`
times; the exit code is 1 if an answer was a server error. `--home` keeps the lake for another time. `--against` is the
folder of another checkout, such as a git worktree: its dashboard, over its own build of the same lake, is asked in
turn, and each answer's time is divided by that of the other.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from benchmarks.dashboard.answers import measure
from benchmarks.dashboard.installation import analytics, analytics_of, running
from benchmarks.dashboard.page import measure_page
from benchmarks.dashboard.readers import read_while_publishing


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        "benchmarks.dashboard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--claims", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=0)
    parser.add_argument("--publishes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--against", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="claims-bench-") as folder:
        home = (wanted.home or Path(folder)).resolve()  # the other checkout's processes run in its folder
        path = analytics(home, wanted.claims)
        with running(home) as dashboard:
            if not wanted.readers:
                if wanted.against:
                    other = analytics_of(wanted.against, home, wanted.claims)
                    with running(other, wanted.against) as against:
                        measure(dashboard, wanted.rounds, against)
                else:
                    measure(dashboard, wanted.rounds)
                measure_page(dashboard, wanted.rounds)
                return
            statuses = asyncio.run(
                read_while_publishing(
                    dashboard, path, readers=wanted.readers, publishes=wanted.publishes, seconds=wanted.seconds
                )
            )
            answers = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
            print(f"{wanted.readers} readers, {wanted.publishes} publishes: {answers}")
            print(f"the server used at most {dashboard.resident_bytes / 2**20:,.0f} MiB")
            sys.exit(any(not status.startswith(("2", "4")) for status in statuses))


if __name__ == "__main__":
    main()
