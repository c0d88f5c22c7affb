"""The ledger, open: its tables, one transaction a block, facts and partitions.

All SQL is in the package `ledger`. SQLite and PostgreSQL both understand it; what only SQLite has is in sqlite.py.
What the rows mean is decided in states.py and diff.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from claims_pipeline.errors import ConfigError, LedgerUnusable
from claims_pipeline.load.ledger.sqlite import WITHOUT_ROWID, Connection, Database, layout_version, set_layout_version

LAYOUT_VERSION = 2

_TABLES = (
    # a fact about the ledger itself
    "CREATE TABLE IF NOT EXISTS info (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # a file of the lake that was loaded completely
    "CREATE TABLE IF NOT EXISTS partitions (name TEXT PRIMARY KEY, digest TEXT NOT NULL, row_count INTEGER NOT NULL)",
    # a resource
    f"""
    CREATE TABLE IF NOT EXISTS resources (
        resource_type TEXT NOT NULL,
        resource_id TEXT NOT NULL,
        state TEXT NOT NULL,
        content_hash TEXT,    -- SHA-256 of what the server confirmed; null: it holds none of the loader's versions
        version_id TEXT,      -- version on the server
        as_of TEXT NOT NULL,  -- day of the latest version settled; empty: no day
        origin TEXT NOT NULL, -- table of the lake, or 'files'
        rejected_hash TEXT,   -- SHA-256 of the version that was rejected
        missing_target TEXT,  -- Type/id that the rejected version lacked
        PRIMARY KEY (resource_type, resource_id)
    ) {WITHOUT_ROWID}
    """,
    "CREATE INDEX IF NOT EXISTS resources_by_partition ON resources (origin, as_of)",
    # the loader at work, if any
    """
    CREATE TABLE IF NOT EXISTS holder (
        host TEXT NOT NULL, pid INTEGER PRIMARY KEY, process_started FLOAT NOT NULL, acquired_at TEXT NOT NULL
    )
    """,
    # a dead letter; the number rises with each that is written
    """
    CREATE TABLE IF NOT EXISTS dead_letters (
        letter TEXT PRIMARY KEY,  -- Type/id, or the source of input that could not be read
        number INTEGER NOT NULL,
        rejected_at TEXT NOT NULL,
        resource_type TEXT,
        resource_id TEXT,
        http_status INTEGER NOT NULL,
        shown_reason TEXT NOT NULL,  -- without what is quoted of the resource
        missing_target TEXT,
        source TEXT NOT NULL,
        bundle TEXT,
        origin TEXT NOT NULL,
        as_of TEXT,
        content_hash TEXT
    )
    """,
    "CREATE INDEX IF NOT EXISTS dead_letters_by_number ON dead_letters (number)",
    # the columns of a dead letter that hold health data, apart, so that a list of letters does not read them
    """
    CREATE TABLE IF NOT EXISTS dead_letter_contents (
        letter TEXT PRIMARY KEY, reason TEXT NOT NULL, refers_to TEXT, body TEXT
    )
    """,
)

_COLUMNS_OF_VERSION_2 = {
    "refers_to": "JSON list of the Type/id that the version on the server refers to",
    "source": "file that the version on the server came from",
    "labels": "JSON of meta.profile, security and tag of the version on the server",
    "feed": "feed that the version on the server came from",
}
"""Columns of `resources` that ledgers of version 1 lack, and what is in them; null: not known, or there is none."""

_PUT_FACT = "INSERT INTO info (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_PUT_PARTITION = """
    INSERT INTO partitions (name, digest, row_count) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, row_count = excluded.row_count
"""


@dataclass(frozen=True)
class Ledger:
    """An open ledger. Use `reading` and `writing`; each block is one transaction.

    Attributes:
        path: where the ledger is, or would be (see `open_existing_ledger`); for messages.
        database: the file that is open.
        snapshot: the transaction in which all is read, and nothing written; None if each block has its own.
    """

    path: Path
    database: Database
    snapshot: Connection | None = None

    def reading(self) -> AbstractContextManager[Connection]:
        """Return a transaction that reads one state of the ledger."""
        return self.database.transaction() if self.snapshot is None else self.database.within(self.snapshot)

    def writing(self, *, is_flushed: bool = False) -> AbstractContextManager[Connection]:
        """Return a transaction that is the only one to write; flushed, it survives a power failure.

        Raises:
            ValueError: this ledger is a snapshot.
        """
        if self.snapshot is not None:
            raise ValueError("a snapshot of the ledger is not written")
        return self.database.transaction(is_writing=True, is_flushed=is_flushed)

    @contextmanager
    def as_it_is_now(self) -> Iterator["Ledger"]:
        """Yield the ledger as it is now, to be read while others write: it takes no lock and sees nothing of it."""
        with self.reading() as connection:
            connection.execute("SELECT count(*) FROM info").fetchone()  # the first statement decides what is seen
            yield replace(self, snapshot=connection)

    def info(self) -> dict[str, str]:
        """Return the facts about the ledger itself."""
        with self.reading() as connection:
            return dict(connection.execute("SELECT name, value FROM info").fetchall())

    def remember(self, *, is_flushed: bool = False, **facts: str) -> None:
        """Write facts about the ledger itself; flushed, they survive a power failure."""
        with self.writing(is_flushed=is_flushed) as connection:
            connection.executemany(_PUT_FACT, facts.items())

    def forget(self, *names: str) -> None:
        """Delete facts about the ledger itself."""
        with self.writing() as connection:
            connection.executemany("DELETE FROM info WHERE name = ?", [(name,) for name in names])

    def partitions(self) -> dict[str, tuple[str, int]]:
        """Return digest and row count of every partition that was loaded completely, by name."""
        with self.reading() as connection:
            rows = connection.execute("SELECT name, digest, row_count FROM partitions").fetchall()
        return {name: (digest, row_count) for name, digest, row_count in rows}

    def record_partitions(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """Record partitions (name, digest, row count) as loaded completely."""
        with self.writing() as connection:
            connection.executemany(_PUT_PARTITION, rows)

    def forget_partitions(self, names: Sequence[str] | None = None) -> None:
        """Delete the records of these partitions, of all if `names` is None: the next load reads them again."""
        with self.writing() as connection:
            if names is None:
                connection.execute("DELETE FROM partitions")
            else:
                connection.executemany("DELETE FROM partitions WHERE name = ?", [(name,) for name in names])


def require_ledger(path: Path | None) -> None:
    """Check that there is a ledger at `path`, for commands that cannot work with a new one; None is not checked.

    Raises:
        ConfigError: there is none.
    """
    if path is not None and not path.exists():
        raise ConfigError("there is no ledger here", where=str(path), fix="--hash-file with the one that loads wrote")


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger at `path`; create it if it does not exist, and upgrade one of an earlier version.

    Raises:
        LedgerUnusable: it cannot be opened, is not a ledger, or was written by a later version of this program.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnusable(
            f"cannot make the ledger's folder: {error.strerror}",
            where=str(path.parent),
            fix="make its parent writable, or name another file with --hash-file",
        ) from error
    ledger = Ledger(path, Database(path))
    try:
        _prepare(ledger)
        yield ledger
    finally:
        ledger.database.close()


@contextmanager
def open_existing_ledger(path: Path) -> Iterator[Ledger]:
    """Open the ledger at `path`; if there is none, yield an empty one that is deleted at the end of the block.

    For commands that load nothing, so that they do not create a ledger where none was.

    Raises:
        LedgerUnusable: as for `open_ledger`.
    """
    if path.exists():
        with open_ledger(path) as ledger:
            yield ledger
    else:
        with TemporaryDirectory() as folder, open_ledger(Path(folder) / path.name) as ledger:
            yield replace(ledger, path=path)


def _prepare(ledger: Ledger) -> None:
    ledger.database.make_private()
    with ledger.reading() as connection:
        version = layout_version(connection)
    if version > LAYOUT_VERSION:
        raise LedgerUnusable(
            "the ledger was written by a later version of this program",
            where=str(ledger.path),
            fix="update the program",
        )
    if version < LAYOUT_VERSION:
        with ledger.writing() as connection:
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    if layout_version(connection) == LAYOUT_VERSION:  # another process was faster
        return
    for statement in _TABLES:
        connection.execute(statement)
    for name in _COLUMNS_OF_VERSION_2:
        connection.execute(f"ALTER TABLE resources ADD COLUMN {name} TEXT")
    connection.execute("INSERT INTO info (name, value) VALUES ('ledger_id', ?) ON CONFLICT DO NOTHING", [str(uuid4())])
    set_layout_version(connection, LAYOUT_VERSION)
