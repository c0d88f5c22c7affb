"""The web services beside the FHIR server: processes that outlive the command that started them."""

import os
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

import httpx

from claims_pipeline import processes
from claims_pipeline.errors import ServiceError
from claims_pipeline.settings import Settings

START_SECONDS = 120
"""Dagster answers after 10 s on two idle cores; a busy machine takes several times as long."""
STOP_SECONDS = 20


@dataclass(frozen=True)
class Service:
    """One web service.

    Attributes:
        name: name in messages, of its log and of its pid file.
        command: program and arguments.
        port: port on 127.0.0.1.
        setting: environment variable that moves the port.
        health_path: path that answers 200 once the service is ready.
    """

    name: str
    command: tuple[str, ...]
    port: int
    setting: str
    health_path: str

    @property
    def url(self) -> str:
        """Address for a browser."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class ServiceStatus:
    """A service as it is now; `since` is None when it does not run."""

    name: str
    url: str
    since: datetime | None
    is_healthy: bool


def services(settings: Settings) -> tuple[Service, ...]:
    """Return the dashboard and the Dagster UI."""
    python = sys.executable
    dagster_port = str(settings.dagster_port)
    dagster = (
        python,
        "-m",
        "dagster",
        "dev",
        "-m",
        "claims_pipeline.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        dagster_port,
    )
    return (
        Service(
            "dashboard",
            (python, "-m", "claims_pipeline.cli", "dashboard"),
            settings.dashboard_port,
            "CLAIMS_DASHBOARD_PORT",
            "/health",
        ),
        Service("dagster", dagster, settings.dagster_port, "CLAIMS_DAGSTER_PORT", "/server_info"),
    )


def start(service: Service, settings: Settings) -> None:
    """Start a service, unless it runs, and return once it answers.

    Raises:
        PortTaken: another program listens on its port.
        ServiceError: it ended, or did not answer in time; its log is named.
    """
    log, pid_file = _log(service, settings), _pid_file(service, settings)
    process = processes.read_pid_file(pid_file)
    if process is None:
        processes.require_free_port(f"the {service.name}", service.port, setting=service.setting)
        process = processes.start_detached(service.command, log=log, env=_environment(settings), cwd=settings.home)
        processes.write_pid_file(pid_file, process)
    started = process
    if processes.wait_until(lambda: _answers(service) or not processes.is_running(started), seconds=START_SECONDS) and (
        processes.is_running(started)
    ):
        return
    processes.stop(started, seconds=STOP_SECONDS)
    pid_file.unlink(missing_ok=True)
    raise ServiceError(f"the {service.name} did not start", where=str(log), fix=f"read the end of {log}")


def stop(service: Service, settings: Settings) -> bool:
    """Stop a service and tell whether it ran."""
    pid_file = _pid_file(service, settings)
    process = processes.read_pid_file(pid_file)
    if process:
        processes.stop(process, seconds=STOP_SECONDS)
    pid_file.unlink(missing_ok=True)
    return process is not None


def status(service: Service, settings: Settings) -> ServiceStatus:
    """Return a service as it is now."""
    process = processes.read_pid_file(_pid_file(service, settings))
    return ServiceStatus(
        service.name,
        service.url,
        since=process.started_at if process else None,
        is_healthy=process is not None and _answers(service),
    )


def dagster_instance(settings: Settings) -> Path:
    """Return the folder of Dagster's state, with the instance settings of this version in it."""
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files(__package__) / "dagster.yaml") as source:
        shutil.copyfile(source, settings.dagster_path / "dagster.yaml")
    return settings.dagster_path


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | {"CLAIMS_HOME": str(settings.home), "DAGSTER_HOME": str(dagster_instance(settings))}


def _answers(service: Service) -> bool:
    try:
        return httpx.get(service.url + service.health_path, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _log(service: Service, settings: Settings) -> Path:
    return settings.home / "logs" / f"{service.name}.log"


def _pid_file(service: Service, settings: Settings) -> Path:
    return settings.home / f"{service.name}.pid"
