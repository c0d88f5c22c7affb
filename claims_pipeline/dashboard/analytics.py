"""The published analytics file as the dashboard reads it: read-only, and swapped when a new build is published."""

import threading
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import duckdb

from claims_pipeline.aggregate.built_from import BuiltFrom, attach_read_only, select_built_from
from claims_pipeline.aggregate.models import models_digest
from claims_pipeline.errors import DataError

MEMORY_LIMIT = "1GB"
ANSWERS_REMEMBERED = 256

Rows = list[dict[str, Any]]


class NotBuilt(DataError):
    """There is no analytics file that this version can read."""


class View:
    """One build, open for reading. All that a request asks comes from one view, so its figures belong together."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": ""})
        attach_read_only(self._connection, path)
        self.built_from: BuiltFrom = _require_current(self._connection, path)
        self._connection.execute("set enable_external_access = false")
        # over the connection, not over self: without a cycle, a view that was swapped is closed at once
        self._answer = partial(_answer, self._connection)
        self._remembered = lru_cache(maxsize=ANSWERS_REMEMBERED)(self._answer)

    def select(self, sql: str, *parameters: Any) -> Rows:
        """Return the rows of a query."""
        columns, rows = self._answer(sql, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def select_remembered(self, sql: str, *parameters: Any) -> Rows:
        """Return the rows of a query whose answer is small, from memory if it was asked before."""
        columns, rows = self._remembered(sql, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: tuple[Any, ...]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:  # a connection answers one thread at a time
        cursor.execute("use analytics")
        cursor.execute(sql, parameters)
        return [column[0] for column in cursor.description], cursor.fetchall()


class Analytics:
    """The file that is published at `path`, now or later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._view: View | None = None
        self._identity: tuple[int, int, int] | None = None

    def view(self) -> View:
        """Return a view of the latest build.

        Raises:
            NotBuilt: no build was published, or it cannot be read.
        """
        with self._lock:
            identity = _identity(self._path)
            if self._view is None or identity != self._identity:
                self._view, self._identity = _open(self._path), identity
            return self._view


def _open(path: Path) -> View:
    try:
        return View(path)
    except duckdb.Error as error:
        raise NotBuilt(
            f"the analytics file cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            fix="remove it, then: claims aggregate",
        ) from error


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotBuilt("the analytics are not built yet", where=str(path), fix="claims aggregate") from None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _require_current(connection: duckdb.DuckDBPyConnection, path: Path) -> BuiltFrom:
    built_from = select_built_from(connection)
    if built_from is None or built_from.models_digest != models_digest():
        raise NotBuilt("the analytics were built by another version", where=str(path), fix="claims aggregate")
    return built_from
