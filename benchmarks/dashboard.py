"""Time and memory of the dashboard: `python -m benchmarks.dashboard [--claims 500000] [--readers N]`.

Generates a year of claims, builds the analytics, starts `claims dashboard` and asks as the page does. `new` asks under
filters that no one has asked for before, `again` the same question a second time; "other days" and "other state" are
all that a tab of the page asks after a filter change, over six connections as a browser does. Prints a Markdown table:
medians, and the slowest, over the rounds. Then, in Chromium if there is one: the time until a tab has all of its first
screen, with an empty cache of the browser and with a full one, then also the charts below it, and how much moves
meanwhile (cumulative layout shift).

With `--readers`, that many clients ask at the same time for `--seconds` while the file is published `--publishes`
times; the exit code is 1 if an answer was a server error. `--home` keeps the lake for another time.
"""

import argparse
import asyncio
import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.embedded import FIRST_YEAR, make_lake
from claims_pipeline import aggregate
from claims_pipeline.ports import free_port
from claims_pipeline_tests.dashboard.chromium import HOW_TO_GET_IT, chromium_path
from claims_pipeline_tests.dashboard.pages import SHIFTS

CONNECTIONS = 6
"""What a browser opens to one host."""
STATES = ("TX", "CA", "FL", "NY", "PA", "IL", "OH", "GA")
NAMES = ("smith", "johnson", "maria", "garcia", "lee", "brown, j", "000123", "patient-00004")
SEARCHES = (("/api/stats", "patient"), ("/api/claims", "patient"), ("/api/patients", "patient"), ("/api/search", "q"))
OVERVIEW = (
    "/api/stats",
    "/api/cards",
    "/api/what-changed",
    "/api/anomalies",
    "/api/stats/cost-outliers",
    "/api/stats/cost-outliers?of=claims",
)
"""What the first tab of the page asks, besides the charts."""
OF_MEMBERS = (
    "measure=member_month_count&figures=member_count&figures=patient_count&figures=claims_per_1000"
    "&figures=charge_pmpm&figures=charge_amount"
)
OF_CONDITIONS = "measure=patient_count&figures=claim_count&figures=charge_amount"
OF_PROVIDERS = (
    "measure=charge_amount&figures=claim_count&figures=patient_count&figures=average_charge_amount"
    "&figures=median_charge_amount"
)
TABS = {
    "drivers": ("/api/stats", "/api/stats/by-specialty?figures=charge_amount", "/api/what-changed?by=specialty"),
    "members": (
        "/api/stats",
        f"/api/stats/by-plan?{OF_MEMBERS}",
        f"/api/stats/by-age-band?{OF_MEMBERS}",
        f"/api/stats/by-gender?{OF_MEMBERS}",
        f"/api/stats/by-diagnosis?{OF_CONDITIONS}",
        "/api/stats/concentration",
    ),
    "providers": (
        "/api/stats",
        f"/api/stats/by-specialty?{OF_PROVIDERS}",
        f"/api/stats/by-provider?{OF_PROVIDERS}",
        "/api/stats/cost-outliers",
    ),
    "claims": ("/api/stats", "/api/claims"),
}
"""What other tabs ask."""


NewFilters = Callable[[int], dict[str, object]]


@dataclass
class Dashboard:
    """A dashboard that runs, and the greatest resident memory of its process that was seen."""

    client: httpx.Client
    process: psutil.Process
    charts: list[str]
    resident_bytes: int = 0

    def get(self, address: str) -> httpx.Response:
        """Return the answer, which must not be an error."""
        return self.client.get(address).raise_for_status()

    def get_all(self, addresses: Sequence[str]) -> None:
        """Ask for all at once, as a browser does."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(self.get, addresses))

    def watch_memory(self, is_over: threading.Event) -> None:
        """Look at the memory ten times a second."""
        while not is_over.wait(0.1):
            self.resident_bytes = max(self.resident_bytes, self.process.memory_info().rss)


def analytics(home: Path, claims: int) -> Path:
    """Return an analytics file of so many claims, made if it is not there."""
    path = home / "analytics.duckdb"
    began = time.perf_counter()
    lake = make_lake(home, claims=claims, patients=claims // 10, year=FIRST_YEAR)
    generated = time.perf_counter()
    report = aggregate.build(lake, path)
    if not report.is_unchanged:
        built = time.perf_counter() - generated
        size = path.stat().st_size / 2**20
        print(f"generated in {generated - began:.0f} s, built in {built:.1f} s ({size:,.0f} MiB)\n", flush=True)
    return path


@contextmanager
def running(home: Path) -> Iterator[Dashboard]:
    """Yield a dashboard over a home, and stop it afterwards."""
    port = free_port()
    environment = os.environ | {"CLAIMS_HOME": str(home), "CLAIMS_DASHBOARD_PORT": str(port)}
    command = [sys.executable, "-m", "claims_pipeline.cli", "dashboard"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
                while True:
                    try:
                        client.get("/health")
                        break
                    except httpx.TransportError:
                        assert process.poll() is None, "the dashboard has ended"
                        time.sleep(0.1)
                charts = [chart["href"] for chart in client.get("/api/charts").json()]
                dashboard = Dashboard(client, psutil.Process(process.pid), charts)
                is_over = threading.Event()
                watching = threading.Thread(target=dashboard.watch_memory, args=(is_over,))
                watching.start()
                try:
                    yield dashboard
                finally:
                    is_over.set()
                    watching.join()
        finally:
            process.terminate()


def filtered(address: str, **filters: object) -> str:
    """Return an address with filters."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return f"{address}{'&' if '?' in address else '?'}{query}"


def new_filters(number: int) -> dict[str, object]:
    """Return filters that no other number has: a state, and a first day in the second half of the year."""
    return {
        "state": STATES[number % len(STATES)],
        "received_from": date(FIRST_YEAR, 7, 5) + timedelta(days=number // len(STATES)),
    }


def new_days(number: int) -> dict[str, object]:
    """Return days that no other number has, in the second half of the year, so that there are days before."""
    return {"received_from": date(FIRST_YEAR, 7, 5) + timedelta(days=number % 150)}


def searching(parameter: str) -> NewFilters:
    """Return filters by one name after the other."""
    return lambda number: {parameter: NAMES[number % len(NAMES)]}


def measure(dashboard: Dashboard, rounds: int) -> None:
    """Print the table."""
    tabs = {"overview": (*OVERVIEW, *dashboard.charts), **TABS}
    numbers = itertools.count()

    def row(name: str, ask: Callable[[], object]) -> None:
        seconds = []
        for _ in range(rounds):
            began = time.perf_counter()
            ask()
            seconds.append(time.perf_counter() - began)
        median, slowest = 1000 * statistics.median(seconds), 1000 * max(seconds)
        resident = dashboard.process.memory_info().rss / 2**20
        print(f"| {name} | {median:,.0f} | {slowest:,.0f} | {resident:,.0f} |", flush=True)

    def get(address: str, filters: NewFilters = lambda _: {}) -> Callable[[], object]:
        return lambda: dashboard.get(filtered(address, **filters(next(numbers))))

    def get_all(addresses: Sequence[str], filters: NewFilters) -> Callable[[], object]:
        return lambda: dashboard.get_all(
            [filtered(one, **chosen) for chosen in [filters(next(numbers))] for one in addresses]
        )

    print("| question | median ms | slowest ms | server MiB |\n| --- | ---: | ---: | ---: |")
    for one in dict.fromkeys(itertools.chain(*tabs.values())):
        row(f"{one}, new", get(one, new_filters))
    row("/api/stats, new days", get("/api/stats", new_days))
    dashboard.get("/api/stats")
    row("/api/stats, again", get("/api/stats"))
    for tab, addresses in tabs.items():
        row(f"{tab}, other days", get_all(addresses, new_days))
        row(f"{tab}, other state", get_all(addresses, new_filters))
    total = dashboard.get("/api/claims").json()["total"]
    for sort in ("-received_date", "total_charge_amount", "patient_name"):
        claims = f"/api/claims?sort={sort}"
        middle = dashboard.get(f"{claims}&offset={min(total // 2, 1_000_000)}").json()["next"]
        row(f"table by {sort}, first part", get(claims))
        row(f"table by {sort}, in the middle", get(middle))
        row(f"table by {sort}, last part", get(f"{claims}&before=end"))
    for address, parameter in SEARCHES:
        row(f"{address}?{parameter}=...", get(address, searching(parameter)))
    row("CSV of all", get("/api/export.csv"))
    row("Parquet of all", get("/api/export.parquet"))
    print(f"\n{total:,} claims; the server used at most {dashboard.resident_bytes / 2**20:,.0f} MiB.")
    print(f"Load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")


def measure_page(dashboard: Dashboard, rounds: int) -> None:
    """Print the time until each tab has its figures, and its layout shift, at two widths."""
    if chromium_path() is None:
        print(f"\nThe page was not measured: {HOW_TO_GET_IT}")
        return
    print("\n| tab | cold ms | warm ms | with all charts | layout shift, wide | on a phone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for tab in ("overview", *TABS, "quality"):
            address = f"{dashboard.client.base_url}/?tab={tab}".replace("//?", "/?")
            cold, warm, drawn, shifts = [], [], [], {}
            for _ in range(rounds):
                with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
                    cold.append(_open(context, address)[0])
                    seconds, with_charts, shifts[1440] = _open(context, address)
                    warm.append(seconds)
                    drawn.append(with_charts)
            with browser.new_context(viewport={"width": 390, "height": 800}) as context:
                *_, shifts[390] = _open(context, address)
            print(
                f"| {tab} | {1000 * statistics.median(cold):,.0f} | {1000 * statistics.median(warm):,.0f} "
                f"| {1000 * statistics.median(drawn):,.0f} "
                f"| {shifts[1440]:.3f} | {shifts[390]:.3f} |",
                flush=True,
            )
        browser.close()


def _open(context: BrowserContext, address: str) -> tuple[float, float, float]:
    """Return the seconds until a page has all of the first screen, and all charts too, and how much moved."""
    page = context.new_page()
    page.add_init_script(SHIFTS)
    began = time.perf_counter()
    page.goto(address)
    page.locator("main:not([aria-busy])").wait_for()
    seconds = time.perf_counter() - began
    page.locator("#charts:not([aria-busy])").wait_for(state="attached")
    with_charts = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    shift: float = page.evaluate("window.shift")
    page.close()
    return seconds, with_charts, shift


async def _read(dashboard: Dashboard, path: Path, *, readers: int, publishes: int, seconds: float) -> Counter[str]:
    """Let readers ask while the file is published anew; return the answers by status."""
    statuses: Counter[str] = Counter()
    ends = time.monotonic() + seconds
    address = str(dashboard.client.base_url)
    draw = random.Random(1)  # noqa: S311

    async def reader(client: httpx.AsyncClient) -> None:
        while time.monotonic() < ends:
            one = draw.choice([*OVERVIEW, *dashboard.charts, *itertools.chain(*TABS.values())])
            number = draw.randrange(2_000)
            filters = draw.choice([lambda _: {}, new_days, new_filters, searching("patient")])(number)
            try:
                answer = await client.get(filtered(one, **filters))
            except httpx.HTTPError as error:
                statuses[type(error).__name__] += 1
            else:
                statuses[str(answer.status_code)] += 1

    async def publisher() -> None:
        for _ in range(publishes):
            await asyncio.sleep(seconds / (publishes + 1))
            new = path.with_name(".published.tmp")
            await asyncio.to_thread(shutil.copyfile, path, new)
            new.replace(path)

    limits = httpx.Limits(max_connections=readers, max_keepalive_connections=0)  # an idle one is closed after 5 s
    async with httpx.AsyncClient(base_url=address, timeout=300, trust_env=False, limits=limits) as client:
        await asyncio.gather(publisher(), *(reader(client) for _ in range(readers)))
    return statuses


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--claims", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--readers", type=int, default=0)
    parser.add_argument("--publishes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--home", type=Path)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="claims-bench-") as folder:
        home = wanted.home or Path(folder)
        path = analytics(home, wanted.claims)
        with running(home) as dashboard:
            if not wanted.readers:
                measure(dashboard, wanted.rounds)
                measure_page(dashboard, wanted.rounds)
                return
            statuses = asyncio.run(
                _read(dashboard, path, readers=wanted.readers, publishes=wanted.publishes, seconds=wanted.seconds)
            )
            answers = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items()))
            print(f"{wanted.readers} readers, {wanted.publishes} publishes: {answers}")
            print(f"the server used at most {dashboard.resident_bytes / 2**20:,.0f} MiB")
            sys.exit(any(not status.startswith(("2", "4")) for status in statuses))


if __name__ == "__main__":
    main()
