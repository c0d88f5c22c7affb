"""A limit on how many queries run at the same time: the others wait, and one that waits too long is refused."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from claims_pipeline.errors import DataError

QUERIES_AT_ONCE = 4
FILES_AT_ONCE = 2
PATIENCE_SECONDS = 20.0
"""A query that has waited this long for its turn is refused: its client has gone or asks again."""
RETRY_AFTER_SECONDS = 5


class TooBusy(DataError):
    """More was asked at once than this machine can answer; the same question may be asked again."""


class Turns:
    """Turns at the database: `at_once` queries run, the others wait for at most `patience` seconds."""

    def __init__(self, at_once: int = QUERIES_AT_ONCE, patience: float = PATIENCE_SECONDS) -> None:
        self._places = threading.BoundedSemaphore(at_once)
        self._patience = patience

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a place and hold it.

        Raises:
            TooBusy: there was none in time, or DuckDB has no memory left for the query.
        """
        if not self._places.acquire(timeout=self._patience):
            raise too_busy("too many questions at once")
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise too_busy("there is not enough memory for this question now") from error
        finally:
            self._places.release()


def too_busy(message: str) -> TooBusy:
    """Return the error about a question that may be asked again soon."""
    return TooBusy(message, where="dashboard", fix=f"ask again in {RETRY_AFTER_SECONDS} seconds, or narrow the filters")


def no_room(folder: str, cause: str = "perhaps because the disk is full") -> TooBusy:
    """Return the error about a file of the dashboard's own, in `folder`, that cannot be written."""
    return TooBusy(
        f"a file of the dashboard's own cannot be written: {cause}",
        where=folder,
        fix="make room on its disk, or let the dashboard write there; then ask again",
    )
