"""Stopping the services of an installation when a signal ends the command that started them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from claims_pipeline import server
from claims_pipeline.server.interruption import stopping_what_started
from claims_pipeline.settings import Settings
from claims_pipeline.stack import services


@contextmanager
def none_left_behind(settings: Settings, on_step: Callable[[str], None]) -> Iterator[None]:
    """Stop the services that the `with` block started if a signal ends it; after an error, report what runs.

    Services that ran before keep running.

    Raises:
        Interrupted: a signal was received; the message names what still runs.
    """
    with stopping_what_started(
        lambda: _stop_started_here(settings, on_step), lambda: _running(settings), on_step, by="claims down"
    ):
        yield


def _running(settings: Settings) -> list[str]:
    web = [service.name for service in services.services(settings) if services.is_running(service, settings)]
    return server.running(settings) + web


def _stop_started_here(settings: Settings, on_step: Callable[[str], None]) -> None:
    for service in reversed(services.services(settings)):
        if services.is_started_here(service, settings):
            on_step(f"{service.name}: stopping")
            services.stop(service, settings)
    server.stop_started_here(settings, on_step)
