"""The published analytics file as the dashboard reads it: read-only, and swapped when a new build is published.

DuckDB may use `MEMORY_LIMIT` for all queries together and spills to disk beyond it; `QUERIES_AT_ONCE` run at the same
time and the others wait, so that many readers make the answers late and not wrong.
"""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

import duckdb
import psutil

from claims_pipeline.aggregate.built_from import BuiltFrom, attach_read_only, select_built_from
from claims_pipeline.aggregate.models import models_digest
from claims_pipeline.dashboard.rows_file import write_rows
from claims_pipeline.errors import DataError

MEMORY_LIMIT = "1GB"
BITS_OF_PATIENT_NUMBERS = 20
"""Up to a million patients are counted in an array by number, which takes a third of the time of a hash table.

An array does not spill to disk: one of a million sums is 24 MB for each thread.
"""
ANSWERS_REMEMBERED = 256
QUERIES_AT_ONCE = 4
FILES_AT_ONCE = 2
PATIENCE_SECONDS = 20.0
"""A query that has waited this long for its turn is refused: its client has gone or asks again."""
RETRY_AFTER_SECONDS = 5

Rows = list[dict[str, Any]]


class NotBuilt(DataError):
    """There is no analytics file that this version can read."""


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
            raise _too_busy("too many questions at once")
        try:
            yield
        except duckdb.OutOfMemoryException as error:
            raise _too_busy("there is not enough memory for this question now") from error
        finally:
            self._places.release()


def _too_busy(message: str) -> TooBusy:
    return TooBusy(message, where="dashboard", fix=f"ask again in {RETRY_AFTER_SECONDS} seconds, or narrow the filters")


def _no_room(folder: str, cause: str = "perhaps because the disk is full") -> TooBusy:
    return TooBusy(
        f"a file of the dashboard's own cannot be written: {cause}",
        where=folder,
        fix="make room on its disk, or narrow the filters; then ask again",
    )


class View:
    """One build, open for reading: what is selected from one view belongs together.

    Raises:
        NotBuilt: there is no file, or it cannot be read, or another version built it.
        TooBusy: there is no memory, or no room for the folder that queries spill to.
    """

    def __init__(
        self,
        path: Path,
        turns: Turns | None = None,
        turns_at_files: Turns | None = None,
        *,
        memory_limit: str = MEMORY_LIMIT,
    ) -> None:
        turns = turns or Turns()
        self._path, self._turns_at_files = path, turns_at_files or Turns(FILES_AT_ONCE)
        self._spill = spill = _spill_folder(path)
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        self._connection = duckdb.connect(
            config={
                "memory_limit": memory_limit,
                "temp_directory": spill,
                "perfect_ht_threshold": BITS_OF_PATIENT_NUMBERS,
            }
        )
        self.built_from = _attach(self._connection, path)
        self._connection.execute("set enable_external_access = false")
        # over the connection, not over self: without a cycle, a view that was swapped is closed at once
        self._answer = partial(_answer, self._connection, turns)
        self._remembered = lru_cache(maxsize=ANSWERS_REMEMBERED)(self._answer)
        self._asking: weakref.WeakValueDictionary[tuple[Any, ...], threading.Lock] = weakref.WeakValueDictionary()

    def select(self, sql: str, *parameters: Any) -> Rows:
        """Return the rows of a query.

        Raises:
            NotBuilt: the file is damaged.
            TooBusy: too much is asked at once, or there is no memory or space on the disk for this query.
        """
        with self._reading():
            columns, rows = self._answer(sql, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def write(
        self, sql: str, *parameters: Any, options: str, has_left: Callable[[], bool] = lambda: False
    ) -> IO[bytes]:
        """Return an open file with the rows of a query, written with the options of DuckDB's COPY; it has no name.

        The file is opened anew: the rows are those of the latest build, also if that was published after this view
        was opened.

        Args:
            sql: the query.
            parameters: values for its placeholders.
            options: of DuckDB's COPY.
            has_left: whether the client has left. It is called while the file is written; if it has, writing ends.

        Raises:
            NotBuilt: the latest build is missing, or cannot be read, or another version built it.
            TooBusy: too many files are written, or there is no memory or space on the disk for this one.
            ClientLeft: the client has left.
        """
        with self._reading(), self._turns_at_files.turn():
            Path(self._spill).mkdir(mode=0o700, exist_ok=True)  # what empties folders for temporary files may remove it
            attach = partial(_attach, path=self._path)
            return write_rows(attach, sql, parameters, folder=self._spill, options=options, has_left=has_left)

    def select_remembered(self, sql: str, *parameters: Any) -> Rows:
        """Return the rows of a query whose answer is small, from memory if it was asked before.

        If it is asked several times at once, it runs once.
        """
        with self._asking.setdefault((sql, parameters), threading.Lock()), self._reading():
            columns, rows = self._remembered(sql, parameters)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Raise our errors in place of those about files: the analytics, and those of this view's own.

        Raises:
            NotBuilt: the analytics file opened but is damaged.
            TooBusy: a file of this view's own cannot be written or read.
        """
        try:
            yield
        except OSError as error:
            if str(error.filename).startswith(self._spill):
                raise _no_room(self._spill, str(error.strerror)) from error
            raise
        except duckdb.Error as error:
            if isinstance(error, duckdb.IOException) and self._spill in str(error):
                raise _no_room(self._spill) from error
            if isinstance(error, duckdb.IOException) or str(error).startswith("Corrupt database file"):
                raise _unreadable(self._path, error) from error
            raise


def _spill_folder(path: Path) -> str:
    """Make a folder for the owner only, beside the file if that can be written.

    Raises:
        TooBusy: there is no room for it.
    """
    parent = path.parent if os.access(path.parent, os.W_OK) else tempfile.gettempdir()
    try:
        return tempfile.mkdtemp(prefix=f".{path.name}.spill-{os.getpid()}-", dir=parent)
    except OSError as error:
        raise _no_room(str(parent), str(error.strerror)) from error


def _remove_spill_of_killed(path: Path) -> None:
    """Remove the folders that dashboards left behind which were killed."""
    for folder in path.parent.glob(f".{path.name}.spill-*"):
        process = folder.name.removeprefix(f".{path.name}.spill-").partition("-")[0]
        if process.isdigit() and not psutil.pid_exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _answer(
    connection: duckdb.DuckDBPyConnection, turns: Turns, sql: str, parameters: tuple[Any, ...]
) -> tuple[list[str], list[tuple[Any, ...]]]:
    with turns.turn(), connection.cursor() as cursor:  # a connection answers one thread at a time
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
        self._turns, self._turns_at_files = Turns(), Turns(FILES_AT_ONCE)
        _remove_spill_of_killed(path)

    def view(self) -> View:
        """Return a view of the latest build.

        Raises:
            NotBuilt: no build was published, or it cannot be read.
            TooBusy: there is no memory or room to open it.
        """
        with self._lock:
            identity = _identity(self._path)
            if self._view is None or identity != self._identity:
                self._view, self._identity = View(self._path, self._turns, self._turns_at_files), identity
            return self._view


HELD_BACK = {
    "Permission denied": "let the user who runs the dashboard read it",
    "Could not set lock on file": "end the program that has it open for writing; to look into it, open it read only",
    "Too many open files": "raise the limit of open files (ulimit -n), or ask less at once",
}
"""What to do about a file that may be sound but cannot be opened, by a part of DuckDB's error."""


def _unreadable(path: Path, error: duckdb.Error | PermissionError) -> NotBuilt:
    message = str(error).splitlines()[0]
    fixes = (fix for cause, fix in HELD_BACK.items() if cause in message)
    return NotBuilt(
        f"the analytics file cannot be read: {message}",
        where=str(path),
        fix=next(fixes, "remove it, then: claims aggregate"),
    )


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotBuilt("the analytics are not built yet", where=str(path), fix="claims aggregate") from None
    except PermissionError as error:
        raise _unreadable(path, error) from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> BuiltFrom:
    """Attach the analytics file at `path`, and return what it was built from.

    Raises:
        NotBuilt: there is none, or it cannot be read, or another version built it.
        TooBusy: there is no memory for it.
    """
    _identity(path)  # says of a missing file that the analytics are not built yet
    try:
        attach_read_only(connection, path)
        built_from = select_built_from(connection)
    except duckdb.OutOfMemoryException as error:
        raise _too_busy("there is not enough memory to open the analytics") from error
    except duckdb.Error as error:
        raise _unreadable(path, error) from error
    if built_from is None or built_from.models_digest != models_digest():
        raise NotBuilt(
            "the analytics were built by another version",
            where=str(path),
            fix="restart the dashboard, which an upgrade may have left behind; if that does not help: claims aggregate",
        )
    return built_from
