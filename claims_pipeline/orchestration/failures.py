"""Errors of ours as Dagster failures."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from claims_pipeline.errors import ClaimsPipelineError, ServerUnavailable


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
            metadata={"where": error.where or "-", "try": error.fix or "-"},
            allow_retries=isinstance(error, ServerUnavailable),
        ) from error
