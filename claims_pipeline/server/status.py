"""The state of the embedded server: which processes run, since when, and what the server holds."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from claims_pipeline.processes import ProcessIdentity
from claims_pipeline.reports import aligned
from claims_pipeline.server.binaries import require_own
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.jars import hapi_version, read_lock
from claims_pipeline.server.java import java_version
from claims_pipeline.server.logs import log_files
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings

State = Literal["running", "not answering", "half started", "stopped"]

COUNTS_SQL = (
    "SELECT coalesce(json_object_agg(res_type, resources ORDER BY res_type), '{}') FROM (SELECT res_type, count(*) AS "
    "resources FROM hfj_resource WHERE res_deleted_at IS NULL GROUP BY res_type) AS counted"
)


@dataclass(frozen=True)
class ServerStatus:
    """The embedded server at one moment.

    Attributes:
        state: running (FHIR answers), not answering (both processes run, FHIR does not answer: it boots or hangs),
            half started (one of the two processes runs), stopped.
        fhir_base_url: address of the FHIR interface.
        postgres_address: host and port, database of PostgreSQL.
        hapi: the Java process, None if it does not run.
        postgres: the postmaster, None if it does not run.
        versions: versions of HAPI FHIR, Java and PostgreSQL; the latter only of a running one.
        resource_counts: current resources by type, deleted ones left out; empty while PostgreSQL does not run.
        database_bytes: size of PostgreSQL's data on disk.
        logs: log files by service.
    """

    kind: ClassVar[str] = "server-status"

    state: State
    fhir_base_url: str
    postgres_address: str
    hapi: ProcessIdentity | None
    postgres: ProcessIdentity | None
    versions: dict[str, str]
    resource_counts: dict[str, int]
    database_bytes: int
    logs: dict[str, Path]

    @property
    def is_healthy(self) -> bool:
        """Whether the FHIR interface answers."""
        return self.state == "running"

    def render(self) -> str:
        """Return the lines that are printed."""
        counts = "  ".join(f"{name} {count:,}" for name, count in self.resource_counts.items())
        rows = [
            ("FHIR server", f"{self.state}, {self.fhir_base_url}"),
            ("HAPI FHIR", f"{self.versions['hapi']}, Java {self.versions['java']}, {_since(self.hapi)}"),
            ("PostgreSQL", f"{self.versions.get('postgresql', '-')}, {self.postgres_address}, {_since(self.postgres)}"),
            ("Resources", counts or "-"),
            ("Disk", f"{self.database_bytes / 1e6:,.0f} MB"),
            *((f"Log {name}", str(path)) for name, path in self.logs.items()),
        ]
        return aligned(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "state": self.state,
            "fhir_base_url": self.fhir_base_url,
            "postgres_address": self.postgres_address,
            "hapi": _process_json(self.hapi),
            "postgres": _process_json(self.postgres),
            "versions": self.versions,
            "resource_counts": self.resource_counts,
            "database_bytes": self.database_bytes,
            "logs": {name: str(path) for name, path in self.logs.items()},
        }


def status(settings: Settings) -> ServerStatus:
    """Return the state of an installation's embedded server.

    Raises:
        ServiceError: the server belongs to another user.
    """
    require_own(settings.server_path)
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    postgres_process, hapi_process = postgres.process(), hapi.process()
    versions = {"hapi": hapi_version(read_lock()), "java": java_version()}
    counts: dict[str, int] = {}
    if postgres_process:
        counts = json.loads(postgres.query(COUNTS_SQL) or "{}")
        versions["postgresql"] = postgres.query("SHOW server_version") or "-"
    return ServerStatus(
        state=_state(hapi, hapi_process, postgres_process),
        fhir_base_url=settings.embedded_fhir_base_url,
        postgres_address=postgres.address,
        hapi=hapi_process,
        postgres=postgres_process,
        versions=versions,
        resource_counts=counts,
        database_bytes=_bytes_below(postgres.data),
        logs=log_files(settings),
    )


def running(settings: Settings) -> list[str]:
    """Return the names of the embedded server's running processes."""
    found = {"PostgreSQL": Postgres.of(settings).process(), "HAPI FHIR": Hapi.of(settings).process()}
    return [name for name, process in found.items() if process]


def _state(hapi: Hapi, hapi_process: ProcessIdentity | None, postgres_process: ProcessIdentity | None) -> State:
    match hapi_process, postgres_process:
        case None, None:
            return "stopped"
        case (None, _) | (_, None):
            return "half started"
        case _:
            return "running" if hapi.is_healthy() else "not answering"


def _since(process: ProcessIdentity | None) -> str:
    if process is None:
        return "not running"
    age = datetime.now(UTC) - process.started_at
    return f"pid {process.pid}, since {process.started_at:%Y-%m-%d %H:%M:%S} UTC ({str(age).split('.', 1)[0]})"


def _process_json(process: ProcessIdentity | None) -> dict[str, Any] | None:
    if process is None:
        return None
    return {"pid": process.pid, "started_at": process.started_at.isoformat(timespec="seconds")}


def _bytes_below(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.lstat().st_size
        except FileNotFoundError:  # PostgreSQL may remove the file meanwhile
            continue
    return total
