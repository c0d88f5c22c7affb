"""An embedded server of a benchmark's own, and lakes to load into it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import httpx
import psutil

from claims_pipeline import server
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.load import LoadReport, load_lake
from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings

IN_FLIGHT = 4
FIRST_YEAR = 2001


def make_lake(home: Path, *, claims: int, patients: int, year: int) -> Lake:
    """Generate a year's feed; years have claim ids of their own."""
    feed = Feed(seed=year, patients=patients, claims=claims, start_date=date(year, 1, 1), end_date=date(year, 12, 31))
    lake = Lake(home / f"lake-{year}-{claims}")
    generate_range(lake, feed, start=feed.start_date, end=feed.end_date)
    return lake


@contextmanager
def running_server() -> Iterator[Settings]:
    """Yield the settings of an embedded server that was just started and is empty; it is removed in the end."""
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


def new_ledger(settings: Settings) -> Path:
    """Return where a ledger may be made, and let the server forget the one before."""
    httpx.delete(f"{settings.fhir_base_url}/Basic/claims-pipeline-ledger", trust_env=False).raise_for_status()
    return Path(tempfile.mkdtemp(dir=settings.home)) / "ledger.sqlite"


def load(settings: Settings, lake: Lake, ledger: Path) -> LoadReport:
    """Load a lake as `claims load` does."""
    report = load_lake(lake, settings, ledger_path=ledger)
    if report.exit_code:
        raise SystemExit(report.render())
    return report
