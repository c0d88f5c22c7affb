"""What of the ledger is particular to SQLite: opening a file, its transactions, its layout version, its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from claims_pipeline.errors import LedgerUnusable

BUSY_SECONDS = 30

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "wal_autocheckpoint=10000")
"""A commit costs no flush to disk: what a power failure takes from the end of the log is sent again, and is equal."""


def engine_of(path: Path) -> sa.Engine:
    """Return the engine of the file at `path`; a transaction with the option `immediate` is the only one to write."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def layout_version(connection: sa.Connection) -> int:
    """Return the version of the layout that the file was written with, 0 for a new one."""
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    return version


def set_layout_version(connection: sa.Connection, version: int) -> None:
    """Write down which version of the layout the file has."""
    connection.exec_driver_sql(f"PRAGMA user_version = {version:d}")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise LedgerUnusable, with what to do, for what the file at `path` does not take."""
    try:
        yield
    except DatabaseError as error:
        raise LedgerUnusable(
            f"the ledger cannot be used: {error.orig}", where=str(path), fix=_fix(str(error.orig))
        ) from error


def _fix(problem: str) -> str:
    if "full" in problem:
        return "free some disk space and run the same command again: it goes on where it was"
    if "readonly" in problem or "unable to open" in problem:
        return "make the file and its folder writable, or name another with --hash-file"
    if "locked" in problem:
        return "another program holds the file open for writing; end it and run the same command again"
    return "name another file with --hash-file; nothing on the server is lost"
