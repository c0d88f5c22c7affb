"""Start and stop all services of an installation, and show their state."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from claims_pipeline import server
from claims_pipeline.home import make_home
from claims_pipeline.locks import one_at_a_time
from claims_pipeline.reports import aligned
from claims_pipeline.settings import Settings
from claims_pipeline.stack import fhir_server, services
from claims_pipeline.stack.interruption import none_left_behind
from claims_pipeline.stack.services import ServiceStatus

LOCK_SECONDS = 300


@dataclass(frozen=True)
class StackStatus:
    """State of an installation's services.

    Attributes:
        home: its folder.
        fhir_base_url: address of the FHIR server that it loads into.
        is_fhir_answering: whether that server answers.
        server: the embedded server, None if the settings name a different one.
        services: the web services.
    """

    kind: ClassVar[str] = "status"

    home: str
    fhir_base_url: str
    is_fhir_answering: bool
    server: server.ServerStatus | None
    services: tuple[ServiceStatus, ...]

    @property
    def is_up(self) -> bool:
        """Whether everything runs and answers."""
        return self.is_fhir_answering and all(service.is_healthy for service in self.services)

    def render(self) -> str:
        """Return the lines that are printed."""
        answers = "answers" if self.is_fhir_answering else "does not answer"
        foreign = aligned([("FHIR server", f"{answers}, {self.fhir_base_url}")])
        rows = [(service.name, _state(service)) for service in self.services]
        return "\n".join((self.server.render() if self.server else foreign, aligned([*rows, ("home", self.home)])))

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "home": self.home,
            "is_up": self.is_up,
            "fhir_base_url": self.fhir_base_url,
            "is_fhir_answering": self.is_fhir_answering,
            "server": self.server.to_json() if self.server else None,
            "services": [asdict(service) for service in self.services],
        }


def up(settings: Settings, on_step: Callable[[str], None]) -> StackStatus:
    """Start the services that do not run: the embedded FHIR server (unless another is set), dashboard, Dagster UI.

    Raises:
        ServiceError: a service did not start, or its port is taken; services started before it keep running.
        Interrupted: a signal was received; the services started here are stopped.
    """
    with none_left_behind(settings, on_step):
        return start_all(settings, on_step)


def start_all(settings: Settings, on_step: Callable[[str], None]) -> StackStatus:
    """Start the services as `up` does, without stopping them when a signal is received."""
    if fhir_server.is_embedded(settings):
        server.start(settings, on_step)
    make_home(settings.home)
    with _one_command(settings, on_step):
        for service in services.services(settings):
            on_step(f"{service.name}: starting")
            services.start(service, settings)
            on_step(f"{service.name}: {service.url}")
    return status(settings)


def down(settings: Settings, on_step: Callable[[str], None]) -> bool:
    """Stop all running services, in reverse order, and return whether any ran.

    Raises:
        ServiceError: the embedded server did not stop.
    """
    if not settings.home.exists():
        return False
    was_running = False
    with _one_command(settings, on_step):
        for service in reversed(services.services(settings)):
            if services.stop(service, settings):
                on_step(f"{service.name}: stopped")
                was_running = True
    return server.stop(settings, on_step) or was_running


def status(settings: Settings) -> StackStatus:
    """Return the current state of the services.

    Raises:
        ServiceError: the embedded server belongs to another user.
    """
    embedded = server.status(settings) if fhir_server.is_embedded(settings) else None
    return StackStatus(
        home=str(settings.home),
        fhir_base_url=settings.fhir_base_url,
        is_fhir_answering=embedded.is_healthy if embedded else fhir_server.answers(settings),
        server=embedded,
        services=tuple(services.status(service, settings) for service in services.services(settings)),
    )


@contextmanager
def _one_command(settings: Settings, on_step: Callable[[str], None]) -> Iterator[None]:
    """Hold the web services' lock for a `with` block; while another command holds it, report that and wait."""
    lock = settings.home / "services.lock"
    with one_at_a_time(lock, on_wait=lambda holder: on_step(f"services: waiting for {holder}"), seconds=LOCK_SECONDS):
        yield


def _state(service: ServiceStatus) -> str:
    if service.left_behind:
        pids = ", ".join(map(str, service.left_behind))
        return f"was killed, and what it started still runs (pid {pids}); claims down stops it"
    if service.since is None:
        return "not running"
    state = "running" if service.is_healthy else "does not answer"
    return f"{state} since {service.since:%Y-%m-%d %H:%M:%S} UTC, {service.url}"
