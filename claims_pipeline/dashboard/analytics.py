"""The published analytics file as the dashboard reads it: read-only, and swapped when a new build is published.

DuckDB may use `MEMORY_LIMIT` for all queries together and spills to disk beyond it. Queries take turns, so that many
readers make the answers late and not wrong.
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

from claims_pipeline.dashboard.published import attach, identity_of, unreadable
from claims_pipeline.dashboard.rows_file import write_rows
from claims_pipeline.dashboard.turns import FILES_AT_ONCE, Turns, no_room

MEMORY_LIMIT = "1GB"
BITS_OF_PATIENT_NUMBERS = 20
"""Up to a million patients are counted in an array by number, which takes a third of the time of a hash table.

An array does not spill to disk: one of a million sums is 24 MB for each thread.
"""
ANSWERS_REMEMBERED = 256

Rows = list[dict[str, Any]]


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
        self.built_from = attach(self._connection, path)
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

        The file is opened again: the rows are those of the latest build, also if that was published after this view
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
            attach_latest = partial(attach, path=self._path)
            return write_rows(attach_latest, sql, parameters, folder=self._spill, options=options, has_left=has_left)

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
                raise no_room(self._spill, str(error.strerror)) from error
            raise
        except duckdb.Error as error:
            if isinstance(error, duckdb.IOException) and self._spill in str(error):
                raise no_room(self._spill) from error
            if isinstance(error, duckdb.IOException) or str(error).startswith("Corrupt database file"):
                raise unreadable(self._path, error) from error
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
        raise no_room(str(parent), str(error.strerror)) from error


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
            identity = identity_of(self._path)
            if self._view is None or identity != self._identity:
                self._view, self._identity = View(self._path, self._turns, self._turns_at_files), identity
            return self._view
