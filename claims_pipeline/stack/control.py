"""All services of an installation: start, stop, look."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from claims_pipeline import server
from claims_pipeline.reports import aligned
from claims_pipeline.settings import Settings
from claims_pipeline.stack import services
from claims_pipeline.stack.services import ServiceStatus


@dataclass(frozen=True)
class StackStatus:
    """What runs of an installation."""

    home: str
    server: server.ServerStatus
    services: tuple[ServiceStatus, ...]

    @property
    def is_up(self) -> bool:
        """Whether everything runs and answers."""
        return self.server.is_healthy and all(service.is_healthy for service in self.services)

    def render(self) -> str:
        """Return the lines that a person reads."""
        rows = [(service.name, _state(service)) for service in self.services]
        return "\n".join((self.server.render(), aligned([*rows, ("home", self.home)])))

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        found = [asdict(service) for service in self.services]
        return {"home": self.home, "is_up": self.is_up, "server": self.server.to_json(), "services": found}


def up(settings: Settings, on_step: Callable[[str], None]) -> StackStatus:
    """Start what does not run yet: the embedded FHIR server (unless another one is set), dashboard, Dagster UI.

    Raises:
        ServiceError: a service did not start, or its port is taken.
    """
    if uses_embedded_server(settings):
        server.start(settings, on_step)
    for service in services.services(settings):
        on_step(f"{service.name}: starting")
        services.start(service, settings)
        on_step(f"{service.name}: {service.url}")
    return status(settings)


def down(settings: Settings, on_step: Callable[[str], None]) -> bool:
    """Stop what runs, in the reverse order, and tell whether anything did."""
    was_running = False
    for service in reversed(services.services(settings)):
        on_step(f"{service.name}: stopping")
        was_running |= services.stop(service, settings)
    return server.stop(settings, on_step) or was_running


def status(settings: Settings) -> StackStatus:
    """Return what runs now."""
    found = tuple(services.status(service, settings) for service in services.services(settings))
    return StackStatus(str(settings.home), server.status(settings), found)


def uses_embedded_server(settings: Settings) -> bool:
    """Tell whether the FHIR server of these settings is ours to start."""
    return settings.fhir_base_url == settings.embedded_fhir_base_url


def _state(service: ServiceStatus) -> str:
    if service.since is None:
        return "not running"
    state = "running" if service.is_healthy else "does not answer"
    return f"{state} since {service.since:%Y-%m-%d %H:%M:%S} UTC, {service.url}"
