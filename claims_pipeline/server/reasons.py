"""Why the embedded server does not answer: what is down, and whether its disk is full."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from claims_pipeline.errors import ServiceError
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.server.space import LEAST_BYTES, free_bytes
from claims_pipeline.settings import Settings

LOOK_SECONDS = 5.0

REPEAT_SECONDS = 60.0
"""A reason that still holds is reported this often: earlier lines have scrolled away."""


class Underway(Protocol):
    """Progress of a load: the part of it that this module reads."""

    @property
    def stage(self) -> str:
        """Current stage; "waiting for ..." while the load waits."""

    @property
    def retries(self) -> int:
        """Number of retried requests so far."""


Event = TypeVar("Event", bound=Underway)


def trouble(settings: Settings, *, free: Callable[[Path], int] = free_bytes) -> str | None:
    """Return in one line why the embedded server cannot answer, None if its processes run and its disk has room.

    Args:
        settings: the installation.
        free: returns the free bytes of the disk of a folder.
    """
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    reasons = []
    if not postgres.is_initialised:
        return "the embedded FHIR server was never started (claims server start)"
    if postgres.process() is None:
        reasons.append(f"PostgreSQL is down: {postgres.last_words()}")
    if hapi.process() is None:
        reasons.append(f"HAPI FHIR is down: {hapi.last_words()}")
    if (left := free(settings.server_path)) < LEAST_BYTES:
        reasons.append(f"the disk of {settings.server_path} is full: {left / 1e6:,.0f} MB are free")
        return "; ".join([*reasons, "make room, then claims server start"])
    return "; ".join([*reasons, "claims server start"]) if reasons else None


def with_reasons(
    settings: Settings, on_progress: Callable[[Event], None], tell: Callable[[str], None]
) -> Callable[[Event], None]:
    """Return a callback for a load's progress that also reports why the embedded server does not answer.

    It checks while the load waits or retries. A reason is reported when it is new, again every `REPEAT_SECONDS` while
    it holds, and again when it comes back. For any other server it only calls `on_progress`.

    Args:
        settings: the installation, and the server that is loaded.
        on_progress: called with each event.
        tell: called with each line to print.
    """
    if settings.fhir_base_url != settings.embedded_fhir_base_url:
        return on_progress
    retries, looked_at, told_at, told = 0, float("-inf"), float("-inf"), ""

    def pass_on(event: Event) -> None:
        nonlocal retries, looked_at, told_at, told
        on_progress(event)
        now = time.monotonic()
        is_in_doubt = event.retries > retries or event.stage.startswith("waiting for http") or told
        if is_in_doubt and now - looked_at >= LOOK_SECONDS:
            retries, looked_at = event.retries, now
            reason = _trouble_or_none(settings) or ""
            if reason and (reason != told or now - told_at >= REPEAT_SECONDS):
                told_at = now
                tell(f"the FHIR server does not answer: {reason}")
            told = reason

    return pass_on


def _trouble_or_none(settings: Settings) -> str | None:
    try:
        return trouble(settings)
    except (OSError, ServiceError):  # for example, the server of another user
        return None
