"""Errors of ours as Dagster failures, and back; and which of them are worth another try.

Three mechanisms could repeat work, and each has one task here. Inside a load, the loader repeats requests for
CLAIMS_FHIR_PATIENCE_SECONDS. A step is repeated by `RETRIES`, for what `may_succeed_later` names, unless a person waits
for the run at a terminal. A run is repeated by the instance (`run_retries` in dagster.yaml) only if its process died,
never because a step failed.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.execution.context.compute import current_execution_context

from claims_pipeline.errors import (
    ClaimsPipelineError,
    ConfigError,
    Interrupted,
    LoaderLocked,
    ServerUnavailable,
    ServiceError,
)

RETRIES = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Another try after about 20, 60 and 140 s, besides what the load itself waits for its server."""

WITHOUT_RETRIES: Mapping[str, Any] = {"execution": {"config": {"retries": {"disabled": {}}}}}
"""Run configuration for a person who waits for the answer."""


@contextmanager
def failing_as_dagster() -> Iterator[None]:
    """Turn an error into a failure that the UI shows with what to do about it, and that says if it is worth a retry."""
    try:
        yield
    except ClaimsPipelineError as error:
        raise dg.Failure(
            description=error.message,
            metadata={"where": error.where or "-", "try": error.fix or "-", "exit_code": error.exit_code},
            allow_retries=may_succeed_later(error) and not is_awaited(),
        ) from error
    except Exception as error:
        if may_succeed_later(error):
            raise
        raise dg.Failure(
            description=f"{type(error).__name__}: {error}",
            metadata={"where": "-", "try": "report it: this is a defect of claims_pipeline", "exit_code": 1},
            allow_retries=False,
        ) from error


def may_succeed_later(error: BaseException | None) -> bool:
    """Tell whether the same work may succeed later as it is: a server is down, a lock is held, storage is busy."""
    while error is not None:
        if isinstance(error, ServerUnavailable | LoaderLocked):
            return True
        if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error)):
            return True
        error = error.__cause__
    return False


def is_awaited() -> bool:
    """Tell whether the run of the current step is one of a command such as `dagster asset materialize`.

    A run that the UI or the daemon launched records where its job is defined; a run of such a command does not.
    """
    context = current_execution_context.get()
    return context is not None and context.run.remote_job_origin is None


def raised_in_asset(description: str, metadata: Mapping[str, dg.MetadataValue], run: str) -> ClaimsPipelineError:
    """Return the error behind a failure of `failing_as_dagster`, with its exit code and the run that it happened in."""
    where, fix, exit_code = (str(metadata[name].value) for name in ("where", "try", "exit_code"))
    kinds = {str(kind.exit_code): kind for kind in (ServiceError, ConfigError, Interrupted, ServerUnavailable)}
    place = run if where == "-" else f"{where}, {run}"
    return kinds.get(exit_code, ServiceError)(description, where=place, fix="" if fix == "-" else fix)
