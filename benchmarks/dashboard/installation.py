"""A dashboard over a year of claims, running for a benchmark."""

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.embedded import FIRST_YEAR, make_lake
from claims_pipeline import aggregate
from claims_pipeline.ports import free_port

CONNECTIONS = 6
"""What a browser opens to one host."""
PIECE_BYTES = 1 << 20


@dataclass(eq=False)
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

    def download(self, address: str) -> None:
        """Receive a file and keep none of it: httpx takes as long for the bytes as the dashboard."""
        with closing(http.client.HTTPConnection(self.client.base_url.host, self.client.base_url.port)) as connection:
            connection.request("GET", address)
            answer = connection.getresponse()
            assert answer.status == httpx.codes.OK, answer.status
            piece = bytearray(PIECE_BYTES)
            while answer.readinto(piece):
                pass

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


def analytics_of(checkout: Path, home: Path, claims: int) -> Path:
    """Return a home with the analytics of the same lake as another checkout's code builds them."""
    other = home / "against"
    other.mkdir(exist_ok=True)
    build = (
        "import sys, pathlib; from claims_pipeline import aggregate; from claims_pipeline.lake import Lake; "
        "aggregate.build(Lake(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))"
    )
    lake = home / f"lake-{FIRST_YEAR}-{claims}"
    command = [sys.executable, "-c", build, str(lake), str(other / "analytics.duckdb")]
    began = time.perf_counter()
    subprocess.run(command, cwd=checkout, check=True)
    print(f"{checkout} built it in {time.perf_counter() - began:.1f} s\n", flush=True)
    return other


@contextmanager
def running(home: Path, checkout: Path | None = None) -> Iterator[Dashboard]:
    """Yield a dashboard over a home, this code's or that of another checkout, and stop it afterwards."""
    port = free_port()
    environment = os.environ | {"CLAIMS_HOME": str(home), "CLAIMS_DASHBOARD_PORT": str(port)}
    command = [sys.executable, "-m", "claims_pipeline.cli", "dashboard"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=checkout) as process:
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
