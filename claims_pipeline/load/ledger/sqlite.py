"""The database of a ledger: connections, transactions, layout version, errors. The only module that knows SQLite.

A ledger in PostgreSQL needs another class with the methods of `Database`, whose connections replace the `?` of a
statement by that driver's mark. (A test prepares every statement of the ledger in PostgreSQL.)
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from claims_pipeline.errors import LedgerUnusable
from claims_pipeline.files import OWNER_ONLY

BUSY_SECONDS = 30
OF_OTHERS = 0o077

WITHOUT_ROWID = "WITHOUT ROWID"
"""Stores the rows of a table in its primary key: what SQLite has, and PostgreSQL does not need."""

UNFLUSHED = "synchronous=NORMAL"
PRAGMAS = ("journal_mode=WAL", UNFLUSHED, "temp_store=MEMORY", "wal_autocheckpoint=10000")
"""A commit does not flush to disk: what a power failure removes from the end of the log is sent again, and is equal."""

Connection = sqlite3.Connection


@dataclass(frozen=True)
class Database:
    """A SQLite file; each transaction has a connection of its own, which later ones use again."""

    path: Path
    _idle: list[Connection] = field(default_factory=list)

    @contextmanager
    def transaction(self, *, is_writing: bool = False, is_flushed: bool = False) -> Iterator[Connection]:
        """Yield a connection inside a transaction, committed when the block ends and rolled back if it fails.

        Args:
            is_writing: be the only writer; otherwise read one state of the database.
            is_flushed: return when the transaction is on the disk, so that it survives a power failure.

        Raises:
            LedgerUnusable: the database reports an error.
        """
        with self._translated():
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                if is_flushed:
                    connection.execute("PRAGMA synchronous=FULL")
                connection.execute("BEGIN IMMEDIATE" if is_writing else "BEGIN")
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if is_flushed:
                    connection.execute(f"PRAGMA {UNFLUSHED}")
                self._idle.append(connection)

    @contextmanager
    def within(self, connection: Connection) -> Iterator[Connection]:
        """Yield the connection of a transaction that goes on after the block.

        Raises:
            LedgerUnusable: the database reports an error.
        """
        with self._translated():
            yield connection

    def make_private(self) -> None:
        """Create the file if it does not exist, and let only its owner read and write it.

        Raises:
            LedgerUnusable: the file cannot be created.
        """
        with self._translated():
            try:
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
            except OSError as error:
                raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from error
            if self.path.stat().st_mode & OF_OTHERS:
                with suppress(OSError):  # only the owner of the file can change its mode
                    self.path.chmod(OWNER_ONLY)

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerUnusable(
                f"the ledger cannot be used: {error}", where=str(self.path), fix=_fix(str(error))
            ) from error


def layout_version(connection: Connection) -> int:
    """Return the version of the layout that the file was written with, 0 for a new one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def set_layout_version(connection: Connection, version: int) -> None:
    """Record the version of the layout of the file."""
    connection.execute(f"PRAGMA user_version = {version:d}")


def _fix(problem: str) -> str:
    if "full" in problem or "disk I/O" in problem:
        return "free some disk space and run the same command again: it continues where it stopped"
    if "readonly" in problem or "unable to open" in problem:
        return "make the file and its folder writable, or name another with --hash-file"
    if "locked" in problem:
        return "another program holds the file open for writing; end it and run the same command again"
    return "name another file with --hash-file; nothing on the server is lost"
