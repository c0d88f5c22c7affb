"""Reads what the ledger says the server holds, or held: by page, type or partition."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from claims_pipeline.load.ledger.dead_letters import drop_letters
from claims_pipeline.load.ledger.sqlite import Connection
from claims_pipeline.load.ledger.states import Event, State, before
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import FILES

ROWS_AT_ONCE = 5_000

_IS_HELD = "content_hash IS NOT NULL"
_COLUMNS = "resource_type, resource_id, origin, refers_to, state, content_hash, version_id, source, labels, feed"
_MAKE_TARGETS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS targets (
        resource_type TEXT, resource_id TEXT, PRIMARY KEY (resource_type, resource_id)
    )
"""
_HELD_TARGETS = f"""
    SELECT {_COLUMNS} FROM targets JOIN resources USING (resource_type, resource_id)
    WHERE {_IS_HELD} ORDER BY resource_type, resource_id
"""
_MAKE_ROOTS = "CREATE TEMPORARY TABLE IF NOT EXISTS roots (path TEXT PRIMARY KEY)"
_IS_UNDER_ROOTS = """
    EXISTS (
        SELECT 1 FROM roots
        WHERE path = (SELECT max(earlier.path) FROM roots AS earlier WHERE earlier.path <= source || '/')
        AND substr(source || '/', 1, length(path)) = path
    )
"""
"""Roots end in a slash and none lies in another: only the last root before a file, in order, can hold it."""
_FROM_A_FEED = f"SELECT 1 FROM resources WHERE {_IS_HELD} AND (origin <> ? OR feed IS NOT NULL) LIMIT 1"


class Holding(NamedTuple):
    """A resource of the ledger.

    Attributes:
        resource_type: its type.
        resource_id: its id.
        origin: table of the lake, or "files".
        refers_to: JSON list of the "Type/id" that the version on the server refers to; None if not known, and of a
            lake's resources.
        state: see `State`.
        content_hash: of the version on the server; None if the server holds none.
        version_id: of that version, None if not known.
        source: file that it came from; None if not known, and of a lake's resources.
        labels: JSON as in resource.py; None if not known, and of a lake's resources, which all have the same.
        feed: feed that it is an export of, None if not known.
    """

    resource_type: str
    resource_id: str
    origin: str
    refers_to: str | None = None
    state: str = State.LOADED
    content_hash: str | None = None
    version_id: str | None = None
    source: str | None = None
    labels: str | None = None
    feed: str | None = None

    @property
    def name(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.resource_id}"

    @property
    def references(self) -> list[str]:
        """The "Type/id" that it refers to, as far as they are known."""
        found: list[str] = json.loads(self.refers_to) if self.refers_to else []
        return found


def count_by_type(ledger: Ledger) -> dict[str, int]:
    """Return how many resources of each type the server holds."""
    query = f"SELECT resource_type, count(*) FROM resources WHERE {_IS_HELD} GROUP BY resource_type"
    with ledger.reading() as connection:
        return dict(connection.execute(query).fetchall())


def held(ledger: Ledger) -> Iterator[Sequence[Holding]]:
    """Yield everything that the server holds, `ROWS_AT_ONCE` at a time, by type and id."""
    return _pages(ledger, _IS_HELD)


def deleted(ledger: Ledger) -> Iterator[Sequence[Holding]]:
    """Yield what was deleted from the server, `ROWS_AT_ONCE` at a time, by type and id."""
    return _pages(ledger, "content_hash IS NULL AND state = ?", [State.WITHDRAWN])


def lost_by_lake(ledger: Ledger, *states: State) -> Iterator[Sequence[Holding]]:
    """Yield what the server holds from a lake and is in one of `states`, `ROWS_AT_ONCE` at a time."""
    return _pages(ledger, f"origin <> ? AND {_IS_HELD} AND {_is_among(states)}", [FILES, *states])


def under(ledger: Ledger, roots: Sequence[str], *states: State, is_held: bool) -> Iterator[Sequence[Holding]]:
    """Yield resources that came from some files or folders, `ROWS_AT_ONCE` at a time.

    Args:
        ledger: the ledger.
        roots: absolute paths of the files, or of folders that they are in, at any depth.
        states: of the resources.
        is_held: only what the server holds; else also what it never held.
    """
    # no condition on `origin`, whose index would be used: each page would then sort all rows of files
    condition = f"{_IS_UNDER_ROOTS} AND {_is_among(states)}" + (f" AND {_IS_HELD}" if is_held else "")
    if roots:
        yield from _pages(ledger, condition, states, roots=_outermost(roots))


def held_among(ledger: Ledger, keys: Iterable[tuple[str, str]]) -> list[Holding]:
    """Return those of the resources (type, id) that the server holds."""
    with ledger.reading() as connection:
        fill_targets(connection, keys)
        return [Holding(*row) for row in connection.execute(_HELD_TARGETS)]


def ids_from_files(ledger: Ledger, resource_type: str) -> list[str]:
    """Return the ids of a type that the server holds from files."""
    query = f"SELECT resource_id FROM resources WHERE origin = ? AND resource_type = ? AND {_IS_HELD}"
    with ledger.reading() as connection:
        return [resource_id for (resource_id,) in connection.execute(query, (FILES, resource_type))]


def is_all_from_files_without_feed(ledger: Ledger) -> bool:
    """Return whether nothing of what the server holds is from a lake or from the export of one."""
    with ledger.reading() as connection:
        return connection.execute(_FROM_A_FEED, (FILES,)).fetchone() is None


def fill_targets(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Put resources (type, id) into the temporary table `targets`, which queries of this connection can join."""
    connection.execute(_MAKE_TARGETS)
    connection.execute("DELETE FROM targets")
    connection.executemany("INSERT INTO targets (resource_type, resource_id) VALUES (?, ?)", keys)


def _is_among(states: Sequence[State]) -> str:
    return f"state IN ({', '.join('?' * len(states))})"


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return paths with a slash at the end, without those that lie in another one."""
    found: list[str] = []
    for path in sorted(path.rstrip("/") + "/" for path in paths):
        if not found or not path.startswith(found[-1]):
            found.append(path)
    return found


def _pages(
    ledger: Ledger, condition: str, parameters: Sequence[str] = (), *, roots: Sequence[str] = ()
) -> Iterator[Sequence[Holding]]:
    after_type, after_id = "", ""
    query = f"""
        SELECT {_COLUMNS} FROM resources WHERE (resource_type, resource_id) > (?, ?) AND {condition}
        ORDER BY resource_type, resource_id LIMIT {ROWS_AT_ONCE}
    """
    while True:
        with ledger.reading() as connection:
            if roots:
                connection.execute(_MAKE_ROOTS)
                connection.execute("DELETE FROM roots")
                connection.executemany("INSERT INTO roots (path) VALUES (?)", [(root,) for root in roots])
            rows = connection.execute(query, (after_type, after_id, *parameters)).fetchall()
        if not rows:
            return
        after_type, after_id, *_ = rows[-1]
        yield [Holding(*row) for row in rows]


def recorded_days(ledger: Ledger, origin: str) -> list[str]:
    """Return the days of which there are resources from a table of the lake."""
    with ledger.reading() as connection:
        return [day for (day,) in connection.execute("SELECT DISTINCT as_of FROM resources WHERE origin = ?", [origin])]


def recorded_ids(ledger: Ledger, origin: str, day: str) -> list[str]:
    """Return the ids that a partition had when it was last loaded, and that the source still has."""
    states = before(Event.GONE)
    query = "SELECT resource_id FROM resources WHERE origin = ? AND as_of = ? AND state IN (?, ?)"
    with ledger.reading() as connection:
        return [resource_id for (resource_id,) in connection.execute(query, (origin, day, *states))]


def forget_all(ledger: Ledger) -> None:
    """Forget every resource and partition, and the dead letters of resources."""
    with ledger.writing() as connection:
        connection.execute("DELETE FROM resources")
        connection.execute("DELETE FROM partitions")
    drop_letters(ledger, [])
