"""The web services beside the FHIR server: processes that outlive the command that started them."""

import os
import sys
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

import httpx

from claims_pipeline import ports, processes
from claims_pipeline.errors import ServiceError
from claims_pipeline.fhir_access import without_tls
from claims_pipeline.files import write_atomically
from claims_pipeline.log_rotation import lines_of
from claims_pipeline.orchestration import event_storage
from claims_pipeline.orchestration.instance import prepare_instance
from claims_pipeline.processes import ProcessIdentity
from claims_pipeline.settings import Settings

START_SECONDS = 120
"""Dagster answers after 10 s on two idle cores; a busy machine takes several times as long."""
STOP_SECONDS = 45
"""Dagster needs a second or two on two idle cores; a busy machine takes ten times as long."""
DAGSTER_DEV = "claims_pipeline.orchestration.dev"
"""`dagster dev` behind a guard: Dagster's own webserver accepts requests from any web page that its user visits."""


@dataclass(frozen=True)
class Service:
    """One web service.

    Attributes:
        name: name in messages, and of the log file and the pid file.
        command: program and arguments, including the port.
        url: address for a browser.
        health_path: path that answers 200 once the service is ready.
        setting: environment variable that moves the port.
    """

    name: str
    command: tuple[str, ...]
    url: str
    health_path: str
    setting: str

    @property
    def port(self) -> int:
        """Port on which the service listens."""
        return httpx.URL(self.url).port or 80


@dataclass(frozen=True)
class ServiceStatus:
    """State of a service.

    Attributes:
        name: its name.
        url: address for a browser.
        since: when it started, None if it does not run.
        is_healthy: whether it answers.
        left_behind: pids of child processes that still run after the service was killed; `down` stops them.
    """

    name: str
    url: str
    since: datetime | None
    is_healthy: bool
    left_behind: tuple[int, ...] = ()


def services(settings: Settings) -> tuple[Service, ...]:
    """Return the dashboard and the Dagster UI."""
    dashboard_port, dagster_port = str(settings.dashboard_port), str(settings.dagster_port)
    dashboard = ("-m", "claims_pipeline.cli", "dashboard", "--host", settings.dashboard_host, "--port", dashboard_port)
    dagster = ("-m", DAGSTER_DEV, "-m", "claims_pipeline.definitions", "-h", "127.0.0.1", "-p", dagster_port)
    return (
        Service(
            "dashboard",
            (sys.executable, *dashboard),
            settings.dashboard_url,
            "/health",
            "CLAIMS_DASHBOARD_PORT",
        ),
        Service(
            "dagster",
            (sys.executable, *dagster),
            f"http://127.0.0.1:{dagster_port}",
            "/server_info",
            "CLAIMS_DAGSTER_PORT",
        ),
    )


def start(service: Service, settings: Settings) -> None:
    """Start a service unless it runs, and return once it answers; callers must not run this concurrently.

    Raises:
        PortTaken: another program listens on its port.
        ServiceError: it runs at another address, ended, or did not answer in time; its log is named.
    """
    pid_file = _pid_file(service, settings)
    if process := processes.read_pid_file(pid_file):
        _require_same_address(service, process)
        _wait_until_it_answers(service, process, settings)
        return
    processes.stop_survivors(pid_file, seconds=STOP_SECONDS)
    ports.require_free_port(service.name, service.port, setting=service.setting)
    log = _log(service, settings)
    process = processes.start_detached(service.command, log=log, env=_environment(settings), cwd=settings.home)
    processes.write_pid_file(pid_file, process)
    try:
        _wait_until_it_answers(service, process, settings)
    except ServiceError:
        stop(service, settings)
        raise


def _require_same_address(service: Service, process: ProcessIdentity) -> None:
    if not set(service.command[1:]) <= set(processes.command_line(process)) and processes.is_running(process):
        raise ServiceError(
            f"{service.name} runs (pid {process.pid}), but not at {service.url}", fix="claims down, then claims up"
        )


def _wait_until_it_answers(service: Service, process: ProcessIdentity, settings: Settings) -> None:
    processes.wait_until(lambda: _answers(service) or not processes.is_running(process), seconds=START_SECONDS)
    log = _log(service, settings)
    if not processes.is_running(process):
        raise ServiceError(f"{service.name} did not start: {_last_words(log)}", where=str(log))
    if not _answers(service):
        raise ServiceError(
            f"{service.name} does not answer after {START_SECONDS} s",
            where=str(log),
            fix="read the end of that log; claims down, then claims up",
        )


def stop(service: Service, settings: Settings) -> bool:
    """Stop a service and its child processes, and return whether any of them ran."""
    pid_file = _pid_file(service, settings)
    process = processes.read_pid_file(pid_file)
    if process:
        processes.stop(process, seconds=STOP_SECONDS)
    left_behind = processes.stop_survivors(pid_file, seconds=STOP_SECONDS)
    pid_file.unlink(missing_ok=True)
    return process is not None or left_behind


def is_running(service: Service, settings: Settings) -> bool:
    """Return whether a service runs, or a child process that outlived it."""
    pid_file = _pid_file(service, settings)
    return bool(processes.read_pid_file(pid_file) or processes.survivors(pid_file))


def is_started_here(service: Service, settings: Settings) -> bool:
    """Return whether a service runs and was started by this process."""
    return processes.read_pid_file(_pid_file(service, settings)) in processes.started_here()


def status(service: Service, settings: Settings) -> ServiceStatus:
    """Return the current state of a service."""
    pid_file = _pid_file(service, settings)
    process = processes.read_pid_file(pid_file)
    return ServiceStatus(
        service.name,
        service.url,
        since=process.started_at if process else None,
        is_healthy=process is not None and _answers(service),
        left_behind=tuple(member.pid for member in processes.survivors(pid_file)),
    )


def dagster_instance(settings: Settings) -> Path:
    """Create or update the folder of Dagster's instance (DAGSTER_HOME), ready for several processes, and return it."""
    settings.dagster_path.mkdir(parents=True, exist_ok=True)
    content = (resources.files(__package__) / "dagster.yaml").read_text(encoding="utf-8")
    content += event_storage.configuration(settings.dagster_path)
    write_atomically(settings.dagster_path / "dagster.yaml", content.encode())
    prepare_instance(settings.dagster_path)
    return settings.dagster_path


def _environment(settings: Settings) -> dict[str, str]:
    return os.environ | {"CLAIMS_HOME": str(settings.home), "DAGSTER_HOME": str(dagster_instance(settings))}


def _answers(service: Service) -> bool:
    try:
        return httpx.get(service.url + service.health_path, timeout=5, trust_env=False, verify=without_tls()).is_success
    except httpx.HTTPError:
        return False


def _last_words(log: Path) -> str:
    lines = [line for line in lines_of(log) if line.strip()]
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (said or lines or ["it left no log"])[-1].strip()[:300]


def _log(service: Service, settings: Settings) -> Path:
    return settings.home / "logs" / f"{service.name}.log"


def _pid_file(service: Service, settings: Settings) -> Path:
    return settings.home / f"{service.name}.pid"
