"""Errors of ours as Dagster failures, and back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

from claims_pipeline.errors import ClaimsPipelineError, ConfigError, ServerUnavailable, ServiceError


@contextmanager
def failing_as_dagster() -> Iterator[None]:
    """Turn an error of ours into a failure that the UI shows with what to do about it.

    Only a server that does not answer may answer later; all else would fail again.
    """
    try:
        yield
    except ClaimsPipelineError as error:
        raise dg.Failure(
            description=error.message,
            metadata={"where": error.where or "-", "try": error.fix or "-", "exit_code": error.exit_code},
            allow_retries=isinstance(error, ServerUnavailable),
        ) from error


def raised_in_asset(description: str, metadata: Mapping[str, dg.MetadataValue], run: str) -> ClaimsPipelineError:
    """Return the error behind a failure of `failing_as_dagster`, with its exit code and the run that it happened in."""
    where, fix, exit_code = (str(metadata[name].value) for name in ("where", "try", "exit_code"))
    kinds = {str(kind.exit_code): kind for kind in (ServiceError, ConfigError, ServerUnavailable)}
    place = run if where == "-" else f"{where}, {run}"
    return kinds.get(exit_code, ServiceError)(description, where=place, fix="" if fix == "-" else fix)
