"""The ledger, open: one transaction a block, facts and partitions, many rows at once.

A SQLite file reached through SQLAlchemy Core. Its statements are those that PostgreSQL understands as well (a test
holds them to it), so that a ledger there can follow; what only SQLite has is in sqlite.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from claims_pipeline.errors import LedgerUnusable
from claims_pipeline.load.ledger.sqlite import engine_of, layout_version, set_layout_version, translated
from claims_pipeline.load.ledger.tables import INFO, METADATA, PARTITIONS, upsert

LAYOUT_VERSION = 1

_PUT_INFO = upsert(INFO, "value")
_DELETE_INFO = sa.delete(INFO).where(INFO.c.name == sa.bindparam("info_name"))
_PUT_PARTITION = upsert(PARTITIONS, "digest", "row_count")
_DELETE_PARTITION = sa.delete(PARTITIONS).where(PARTITIONS.c.name == sa.bindparam("partition_name"))


@dataclass(frozen=True)
class Ledger:
    """An open ledger. Use `reading` and `writing`; each block is one transaction."""

    path: Path
    engine: sa.Engine
    writer: sa.Engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection that sees one state of the ledger."""
        with translated(self.path), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection that is the only one to write."""
        with translated(self.path), self.writer.begin() as connection:
            yield connection

    def info(self) -> dict[str, str]:
        """Return the facts about the ledger itself."""
        with self.reading() as connection:
            return {row.name: row.value for row in connection.execute(sa.select(INFO))}

    def remember(self, **facts: str) -> None:
        """Write facts about the ledger itself."""
        with self.writing() as connection:
            execute_many(connection, _PUT_INFO, list(facts.items()))

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
            execute_many(connection, _PUT_PARTITION, rows)

    def forget_partitions(self, names: Sequence[str]) -> None:
        """Let the next load look into these partitions again."""
        with self.writing() as connection:
            execute_many(connection, _DELETE_PARTITION, [(name,) for name in names])


def require_ledger(path: Path | None) -> None:
    """Hold a path that was given to be that of a ledger, where a new one would be of no use.

    Raises:
        LedgerUnusable: there is nothing.
    """
    if path is not None and not path.exists():
        raise LedgerUnusable(
            "there is no ledger here", where=str(path), fix="--hash-file with the one that loads wrote"
        )


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger at `path`, made if it is not there.

    Raises:
        LedgerUnusable: it cannot be opened, is not a ledger, or was written by a later version of this program.
    """
    with translated(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerUnusable(
                f"cannot make the ledger's folder: {error.strerror}",
                where=str(path.parent),
                fix="make its parent writable, or name another file with --hash-file",
            ) from error
        engine = engine_of(path)
        ledger = Ledger(path, engine, engine.execution_options(immediate=True))
        try:
            _prepare(ledger)
            yield ledger
        finally:
            ledger.engine.dispose()


def execute_many(connection: sa.Connection, statement: sa.Executable, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement once per row by the driver's own executemany: three times as fast as rows of dicts.

    Args:
        connection: an open connection.
        statement: an insert (parameters in the table's column order), or one whose bind parameters come in row order;
            the engine's parameters are positional (SQLite's are; those of PostgreSQL's drivers can be).
        rows: the parameters.
    """
    if rows:
        connection.exec_driver_sql(_sql(statement, connection.dialect), list(rows))


@cache
def _sql(statement: sa.Executable, dialect: sa.Dialect) -> str:
    return str(statement.compile(dialect=dialect))  # type: ignore[attr-defined]  # every statement of ours has it


def _prepare(ledger: Ledger) -> None:
    with ledger.reading() as connection:
        layout = layout_version(connection)
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
            connection.execute(upsert(INFO).values(name="ledger_id", value=str(uuid4())))
            set_layout_version(connection, LAYOUT_VERSION)
