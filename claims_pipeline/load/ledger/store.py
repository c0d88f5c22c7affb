"""The ledger: what one FHIR server holds of what we sent, in SQLite (WAL) through SQLAlchemy Core.

Grain: `resources` one row per (resource_type, resource_id); `partitions` one row per file of the lake that was
loaded completely; `info` one row per fact about the ledger itself; `holder` the loader at work, if any. What the rows
mean is decided in diff.py and settle.py; this module opens, reads and writes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from claims_pipeline.errors import LedgerUnusable

LAYOUT_VERSION = 1
BUSY_SECONDS = 30

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "wal_autocheckpoint=10000")
"""A commit costs no flush to disk: what a power failure takes from the end of the log is sent again, and is equal."""

METADATA = sa.MetaData()

INFO = sa.Table(
    "info",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

PARTITIONS = sa.Table(
    "partitions",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False),
)

RESOURCES = sa.Table(
    "resources",
    METADATA,
    sa.Column("resource_type", sa.Text, primary_key=True),
    sa.Column("resource_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, comment="SHA-256 of what the server confirmed; null: it holds nothing of ours"),
    sa.Column("version_id", sa.Text, comment="Version on the server"),
    sa.Column("as_of", sa.Text, nullable=False, comment="Day of the latest version settled; empty: no day"),
    sa.Column("origin", sa.Text, nullable=False, comment="Table of the lake, or 'files'"),
    sa.Column("rejected_hash", sa.Text, comment="SHA-256 of the version that was rejected"),
    sa.Column("missing_target", sa.Text, comment="Type/id that the rejected version lacked"),
    sa.Index("resources_by_partition", "origin", "as_of"),
    sqlite_with_rowid=False,
)

HOLDER = sa.Table(
    "holder",
    METADATA,
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, primary_key=True),
    sa.Column("process_started", sa.Float, nullable=False),
    sa.Column("acquired_at", sa.Text, nullable=False),
)

_REPLACE_INFO = sa.insert(INFO).prefix_with("OR REPLACE")
_DELETE_INFO = sa.delete(INFO).where(INFO.c.name == sa.bindparam("info_name"))
_REPLACE_PARTITION = sa.insert(PARTITIONS).prefix_with("OR REPLACE")
_DELETE_PARTITION = sa.delete(PARTITIONS).where(PARTITIONS.c.name == sa.bindparam("partition_name"))


@dataclass(frozen=True)
class Ledger:
    """An open ledger. Use `reading` and `writing`; each block is one transaction."""

    path: Path
    engine: sa.Engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one state of the ledger."""
        with _translated(self.path), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection that is the only one to write."""
        with _translated(self.path), self.engine.execution_options(immediate=True).begin() as connection:
            yield connection

    def info(self) -> dict[str, str]:
        """Return the facts about the ledger itself."""
        with self.reading() as connection:
            return {row.name: row.value for row in connection.execute(sa.select(INFO))}

    def remember(self, **facts: str) -> None:
        """Write facts about the ledger itself."""
        with self.writing() as connection:
            execute_many(connection, _REPLACE_INFO, list(facts.items()))

    def forget(self, *names: str) -> None:
        """Take facts about the ledger itself away."""
        with self.writing() as connection:
            execute_many(connection, _DELETE_INFO, [(name,) for name in names])

    def partitions(self) -> dict[str, tuple[str, int]]:
        """Return digest and row count of every partition that was loaded completely, by name."""
        with self.reading() as connection:
            return {row.name: (row.digest, row.row_count) for row in connection.execute(sa.select(PARTITIONS))}

    def record_partitions(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """Record partitions (name, digest, row count) as loaded completely."""
        with self.writing() as connection:
            execute_many(connection, _REPLACE_PARTITION, rows)

    def forget_partitions(self, names: Sequence[str]) -> None:
        """Let the next load look into these partitions again."""
        with self.writing() as connection:
            execute_many(connection, _DELETE_PARTITION, [(name,) for name in names])


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger at `path`, made if it is not there.

    Raises:
        LedgerUnusable: it cannot be opened, is not a ledger, or was written by a later version of this program.
    """
    with _translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnusable(
                f"cannot make the ledger's folder: {error.strerror}",
                where=str(path.parent),
                fix="make its parent writable, or name another file with --hash-file",
            ) from error
        ledger = Ledger(path, _engine(path))
        try:
            _prepare(ledger)
            yield ledger
        finally:
            ledger.engine.dispose()


def execute_many(connection: sa.Connection, statement: sa.Executable, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement once per row by the driver's own executemany: three times as fast as rows of dicts.

    Args:
        connection: an open connection.
        statement: an insert (parameters in the table's column order), or one whose bind parameters come in row order.
        rows: the parameters.
    """
    if rows:
        connection.exec_driver_sql(_sql(statement, connection.dialect), list(rows))


@cache
def _sql(statement: sa.Executable, dialect: sa.Dialect) -> str:
    return str(statement.compile(dialect=dialect))  # type: ignore[attr-defined]  # every statement of ours has it


def _engine(path: Path) -> sa.Engine:
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


def _prepare(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        layout: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        is_complete = set(METADATA.tables) <= set(sa.inspect(connection).get_table_names())
    if layout > LAYOUT_VERSION:
        raise LedgerUnusable(
            "the ledger was written by a later version of this program",
            where=str(ledger.path),
            fix="update the program",
        )
    if layout < LAYOUT_VERSION or not is_complete:
        with ledger.writing() as connection:
            METADATA.create_all(connection)
            connection.execute(sa.insert(INFO).prefix_with("OR IGNORE").values(name="ledger_id", value=str(uuid4())))
            connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT_VERSION}")


@contextmanager
def _translated(path: Path) -> Iterator[None]:
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
