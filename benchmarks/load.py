"""Speed of the loader on the embedded server, beside other ways of loading the same bundles.

Run: python -m benchmarks.load compare [--claims 20000] [--rounds 5]
     python -m benchmarks.load scale [--sizes 1000 10000 50000 100000 500000]
     python -m benchmarks.load delta [--claims 100000]

Starts an embedded server of its own in a temporary folder, on free ports, and removes both. `compare` interleaves the
ways on one warm server, each with claims of a year of its own, and prints the medians; `scale` gives each size a server
just started and empty, then the same size again, warm; `delta` loads, changes a hundredth of the claims, and loads
again. Prints Markdown tables. The JVM warms for about 30,000 claims.
"""

import argparse
import statistics
from collections.abc import Sequence
from itertools import count

import polars as pl

from benchmarks.embedded import FIRST_YEAR, load, make_lake, new_ledger, running_server
from benchmarks.ways import WAYS, Measured, missing_program
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS

WARMING_CLAIMS = 30_000
CLAIMS_A_PATIENT = 10


def compare(claims: int, rounds: int) -> None:
    """Print the ways of loading side by side."""
    names = [name for name in WAYS if not missing_program(name)]
    found: dict[str, list[Measured]] = {name: [] for name in names}
    with running_server() as settings:
        years = count(FIRST_YEAR)

        def next_lake(size: int) -> Lake:
            return make_lake(settings.home, claims=size, patients=size // CLAIMS_A_PATIENT, year=next(years))

        load(settings, next_lake(WARMING_CLAIMS), new_ledger(settings))
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                found[name].append(WAYS[name](settings, next_lake(claims)))
    print("| way | claims/s, median | all rounds | sender's CPU / server's |\n| --- | ---: | --- | ---: |")
    for name in WAYS:
        print(_row(name, found[name]) if name in found else f"| {name} | not installed | | |")


def _row(name: str, runs: Sequence[Measured]) -> str:
    rates = [run.claims_per_second for run in runs]
    share = statistics.median(run.own_cpu / run.server_cpu for run in runs)
    return f"| {name} | {statistics.median(rates):,.0f} | {', '.join(f'{r:,.0f}' for r in rates)} | {share:.1%} |"


def scale(sizes: Sequence[int]) -> None:
    """Print the time by number of claims, into a server just started and into a warm one."""
    print("| claims | patients | just started | warm | claims/s, warm | resources/s, warm |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for claims in sizes:
        patients = max(1, claims // CLAIMS_A_PATIENT)
        with running_server() as settings:
            cold, warm = (
                load(settings, lake, new_ledger(settings))
                for lake in (
                    make_lake(settings.home, claims=claims, patients=patients, year=FIRST_YEAR + number)
                    for number in range(2)
                )
            )
        times = f"{cold.seconds:.1f} s | {warm.seconds:.1f} s"
        rates = f"{claims / warm.seconds:,.0f} | {warm.total.loaded / warm.seconds:,.0f}"
        print(f"| {claims:,} | {patients:,} | {times} | {rates} |", flush=True)


def delta(claims: int) -> None:
    """Print what a second load costs: nothing changed, and a hundredth of the claims changed."""
    with running_server() as settings:
        lake = make_lake(settings.home, claims=claims, patients=claims // CLAIMS_A_PATIENT, year=FIRST_YEAR)
        ledger = settings.home / "ledger.sqlite"
        first = load(settings, lake, ledger)
        unchanged = load(settings, lake, ledger)
        _change_a_hundredth(lake)
        changed = load(settings, lake, ledger)
    print("| load | time | sending | requests with resources | sent |\n| --- | ---: | ---: | ---: | ---: |")
    for name, report in (("first", first), ("unchanged", unchanged), ("a hundredth changed", changed)):
        times = f"{report.seconds:.1f} s | {report.sending_seconds:.1f} s"
        print(f"| {name} | {times} | {report.requests_with_resources:,} | {report.total.loaded:,} |")


def _change_a_hundredth(lake: Lake) -> None:
    """Give every hundredth claim, by its id, another patient's name in all of its versions."""
    is_hundredth = pl.col("claim_id").hash(seed=1) % 100 == 0
    renamed = pl.when(is_hundredth).then(pl.lit("Changed Name")).otherwise(pl.col("patient_name"))
    for day in lake.days(CLAIMS):
        with lake.writer() as writer:
            writer.add(CLAIMS, lake.read(CLAIMS, day).with_columns(renamed.alias("patient_name")), day)


def main() -> None:
    """Run the benchmark that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, default in (("compare", 20_000), ("delta", 100_000)):
        commands.add_parser(name).add_argument("--claims", type=int, default=default)
    commands.choices["compare"].add_argument("--rounds", type=int, default=5)
    sizes = [1_000, 10_000, 50_000, 100_000, 500_000]
    commands.add_parser("scale").add_argument("--sizes", type=int, nargs="+", default=sizes)
    given = parser.parse_args()
    match given.command:
        case "compare":
            compare(given.claims, given.rounds)
        case "scale":
            scale(given.sizes)
        case "delta":
            delta(given.claims)


if __name__ == "__main__":
    main()
