"""Speed of the loader on the embedded server, beside a bare push of the same bundles and single requests.

Run: python benchmarks/load.py compare [--claims 20000] [--rounds 5]
     python benchmarks/load.py scale [--sizes 1000 10000 50000 100000]
     python benchmarks/load.py delta [--claims 100000]
     python benchmarks/load.py local [--claims 200000]

Starts an embedded server of its own in a temporary folder, on free ports, and removes both. `compare` interleaves the
ways on one warm server, each with claims of a year of its own, and prints the medians; `scale` gives each size a server
just started and empty, then the same size again, warm; `delta` loads, changes a hundredth of the claims, and loads
again; `local` measures what needs no server. Prints Markdown tables. The JVM warms for about 30,000 claims.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import httpx
import polars as pl
import psutil

from claims_pipeline import server
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.load import LoadReport, load_lake
from claims_pipeline.load.ledger.diff import diff
from claims_pipeline.load.ledger.settle import settle
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.load.sending.pack import transaction
from claims_pipeline.load.sources import partitions
from claims_pipeline.load.sources.lake_chunks import LakeChunks
from claims_pipeline.ports import free_port
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings

BATCH, IN_FLIGHT, THREADS = 100, 4, 8
SINGLE_CLAIMS = 2_000
FIRST_YEAR = 2001


@dataclass(frozen=True)
class Measured:
    """One way of loading, once: claims a second, our CPU seconds and the server's."""

    claims_per_second: float
    own_cpu: float = 0.0
    server_cpu: float = 0.0


def make_lake(home: Path, *, claims: int, patients: int, year: int) -> Lake:
    """Generate a year's feed; years have claim ids of their own."""
    feed = Feed(seed=year, patients=patients, claims=claims, start_date=date(year, 1, 1), end_date=date(year, 12, 31))
    lake = Lake(home / f"lake-{year}-{claims}")
    generate_range(lake, feed, start=feed.start_date, end=feed.end_date)
    return lake


@contextmanager
def running_server() -> Iterator[Settings]:
    """Yield the settings of an embedded server that was just started and is empty."""
    home = Path(tempfile.mkdtemp(prefix="claims-bench-"))
    home.chmod(0o711)
    settings = Settings(home=home, fhir_port=free_port(), postgres_port=free_port(), workers=IN_FLIGHT)
    try:
        server.start(settings)
        yield settings
    finally:
        server.stop(settings)
        shutil.rmtree(home, ignore_errors=True)


def server_cpu(settings: Settings) -> float:
    """Return the CPU seconds that HAPI FHIR and PostgreSQL have used."""
    now = server.status(settings)
    family = [psutil.Process(process.pid) for process in (now.hapi, now.postgres) if process]
    family += [child for process in list(family) for child in process.children(recursive=True)]
    times = [process.cpu_times() for process in family if process.is_running()]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def load(settings: Settings, lake: Lake, ledger: Path | None = None) -> LoadReport:
    """Load a lake with a ledger of its own unless one is given."""
    if ledger is None:
        httpx.delete(f"{settings.fhir_base_url}/Basic/claims-pipeline-ledger", trust_env=False).raise_for_status()
    path = ledger or Path(tempfile.mkdtemp(dir=settings.home)) / "ledger.sqlite"
    report = load_lake(lake, settings, ledger_path=path)
    if report.exit_code:
        raise SystemExit(report.render())
    return report


def resources_by_tier(lake: Lake) -> list[list[Resource]]:
    """Return the current state of a lake, tier after tier, rendered and ready to be packed."""
    tiers = []
    for _, group in groupby(partitions(lake, lake.days(CLAIMS)), key=lambda partition: partition.table.name):
        chunks = LakeChunks(list(group), lambda *_: None)
        newest = pl.concat(list(chunks)).unique(["resource_type", "resource_id"], keep="first", maintain_order=True)
        tiers.append([Resource(*row) for row in newest.select(Resource._fields).rows()])
    return tiers


async def push(settings: Settings, tiers: Sequence[Sequence[bytes]]) -> None:
    """Send ready-made bundles, tier after tier, and look at nothing but the status."""
    limits = httpx.Limits(max_connections=IN_FLIGHT)
    headers = {"Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(timeout=300, limits=limits, trust_env=False, headers=headers) as client:
        places = asyncio.Semaphore(IN_FLIGHT)

        async def one(content: bytes) -> None:
            async with places:
                (await client.post(settings.fhir_base_url, content=content)).raise_for_status()

        for bundles in tiers:
            await asyncio.gather(*map(one, bundles))


def measured(settings: Settings, claims: int, work: Callable[[], object]) -> Measured:
    """Time one way of loading."""
    own, others, began = time.process_time(), server_cpu(settings), time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return Measured(claims / seconds, time.process_time() - own, server_cpu(settings) - others)


def bare_push(settings: Settings, lake: Lake, claims: int) -> Measured:
    """Push bundles that were made before the clock started."""
    tiers = [
        [transaction(tier[start : start + BATCH]) for start in range(0, len(tier), BATCH)]
        for tier in resources_by_tier(lake)
    ]
    return measured(settings, claims, lambda: asyncio.run(push(settings, tiers)))


def single_requests(settings: Settings, lake: Lake) -> Measured:
    """Put resources one a request from threads; people and providers go in bundles before the clock starts."""
    *before, claims = resources_by_tier(lake)
    asyncio.run(
        push(settings, [[transaction(tier[s : s + BATCH]) for s in range(0, len(tier), BATCH)] for tier in before])
    )
    chosen = claims[:SINGLE_CLAIMS]
    with httpx.Client(timeout=300, trust_env=False, headers={"Content-Type": "application/fhir+json"}) as client:

        def one(resource: Resource) -> None:
            client.put(f"{settings.fhir_base_url}/{resource.name}", content=resource.body.encode()).raise_for_status()

        def all_of_them() -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(one, chosen))

        return measured(settings, len(chosen), all_of_them)


def compare(claims: int, rounds: int) -> None:
    """Print the loader, a bare push and single requests side by side."""
    ways: dict[str, Callable[[Settings, Lake], Measured]] = {
        "claims load": lambda settings, lake: measured(settings, claims, lambda: load(settings, lake)),
        "bare push of ready-made bundles": lambda settings, lake: bare_push(settings, lake, claims),
        f"single requests, {THREADS} threads": single_requests,
    }
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    with running_server() as settings:
        years = iter(range(FIRST_YEAR, 9999))

        def next_lake() -> Lake:
            return make_lake(settings.home, claims=claims, patients=claims // 10, year=next(years))

        load(settings, make_lake(settings.home, claims=30_000, patients=3_000, year=next(years)))  # the JVM warms
        for number in range(rounds):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found[name].append(ways[name](settings, next_lake()))
    print("| way | claims/s, median | all rounds | own CPU / server CPU |\n| --- | ---: | --- | ---: |")
    for name, runs in found.items():
        rates = [run.claims_per_second for run in runs]
        share = statistics.median(run.own_cpu / run.server_cpu for run in runs)
        print(f"| {name} | {statistics.median(rates):,.0f} | {', '.join(f'{r:,.0f}' for r in rates)} | {share:.1%} |")
    if not shutil.which("blazectl"):
        print("| blazectl | not installed | | |")


def scale(sizes: Sequence[int]) -> None:
    """Print the time by number of claims, into a server just started and into a warm one."""
    print("| claims | patients | just started | warm | resources/s, warm |\n| ---: | ---: | ---: | ---: | ---: |")
    for claims in sizes:
        patients = max(1, claims // 10)
        with running_server() as settings:
            cold, warm = (
                load(settings, make_lake(settings.home, claims=claims, patients=patients, year=FIRST_YEAR + number))
                for number in range(2)
            )
        rate = warm.resources_per_second or 0
        print(f"| {claims:,} | {patients:,} | {cold.seconds:.1f} s | {warm.seconds:.1f} s | {rate:,.0f} |", flush=True)


def delta(claims: int) -> None:
    """Print what a second load costs: nothing changed, and a hundredth of the claims changed."""
    with running_server() as settings:
        lake = make_lake(settings.home, claims=claims, patients=claims // 10, year=FIRST_YEAR)
        ledger = settings.home / "ledger.sqlite"
        first = load(settings, lake, ledger)
        unchanged = load(settings, lake, ledger)
        for day in lake.days(CLAIMS):
            frame = lake.read(CLAIMS, day)
            is_hundredth = pl.int_range(pl.len()) % 100 == 0
            renamed = pl.when(is_hundredth).then(pl.lit("Changed Name")).otherwise(pl.col("patient_name"))
            with lake.writer() as writer:
                writer.add(CLAIMS, frame.with_columns(renamed.alias("patient_name")), day)
        changed = load(settings, lake, ledger)
    print("| load | time | requests with resources | sent |\n| --- | ---: | ---: | ---: |")
    for name, report in (("first", first), ("unchanged", unchanged), ("a hundredth changed", changed)):
        row = f"| {name} | {report.seconds:.1f} s | {report.requests_with_resources:,} | {report.total.loaded:,} |"
        print(row)


def local(claims: int) -> None:
    """Print the speed of what needs no server: rendering and hashing, comparing a million rows with the ledger."""
    home = Path(tempfile.mkdtemp(prefix="claims-bench-"))
    try:
        lake = make_lake(home, claims=claims, patients=claims // 10, year=FIRST_YEAR)
        of_claims = [p for p in partitions(lake, lake.days(CLAIMS)) if p.table is CLAIMS]
        began = time.perf_counter()
        rows = sum(chunk.height for chunk in LakeChunks(of_claims, lambda *_: None))
        rate = rows / (time.perf_counter() - began)
        print(f"read, rendered and hashed: {rows:,} claims, {rate:,.0f} claims/s")
        _diff_a_million(home, next(iter(LakeChunks(of_claims, lambda *_: None))))
    finally:
        shutil.rmtree(home)


def _diff_a_million(home: Path, chunk: pl.DataFrame) -> None:
    count, at_once = 1_000_000, 20_000
    rows = (
        chunk.head(1)
        .drop("resource_id", "body")
        .join(
            pl.select(
                pl.format("claim-20250101-{}", pl.int_range(count)).alias("resource_id"), pl.lit("{}").alias("body")
            ),
            how="cross",
        )
    )
    rows = rows.select(chunk.columns)
    with open_ledger(home / "ledger.sqlite") as ledger:
        for part in rows.iter_slices(at_once):
            resources = [Resource(*row) for row in part.select(Resource._fields).rows()]
            settle(ledger, [Result(resource, "created", "1") for resource in resources], "claims")
        began = time.perf_counter()
        unchanged = sum(diff(ledger, part).unchanged.height for part in rows.iter_slices(at_once))
        print(f"compared with the ledger: {unchanged:,} unchanged rows in {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Run the benchmark that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, default in (("compare", 20_000), ("delta", 100_000), ("local", 200_000)):
        command = commands.add_parser(name)
        command.add_argument("--claims", type=int, default=default)
        if name == "compare":
            command.add_argument("--rounds", type=int, default=5)
    commands.add_parser("scale").add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000, 100_000])
    given = parser.parse_args()
    match given.command:
        case "compare":
            compare(given.claims, given.rounds)
        case "scale":
            scale(given.sizes)
        case "delta":
            delta(given.claims)
        case "local":
            local(given.claims)


if __name__ == "__main__":
    main()
