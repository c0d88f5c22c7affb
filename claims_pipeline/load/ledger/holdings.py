"""What the ledger says the server holds, or held: read a type, a partition or a page at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, NamedTuple

from claims_pipeline.load.ledger.dead_letters import drop_letters
from claims_pipeline.load.ledger.sqlite import Connection
from claims_pipeline.load.ledger.states import Event, State, before
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import FILES

ROWS_AT_ONCE = 5_000
AFTER_SLASH = chr(ord("/") + 1)
"""With it, a range of texts ends that begin with a path and a slash."""


_MAKE_TARGETS = """
    CREATE TEMPORARY TABLE IF NOT EXISTS targets (
        resource_type TEXT, resource_id TEXT, PRIMARY KEY (resource_type, resource_id)
    )
"""
_HELD_TARGETS = """
    SELECT resource_type, resource_id, origin, refers_to, source
    FROM targets JOIN resources USING (resource_type, resource_id)
    WHERE content_hash IS NOT NULL AND state <> ? ORDER BY resource_type, resource_id
"""


_IDS_FROM_FILES = """
    SELECT resource_id FROM resources WHERE origin = ? AND resource_type = ? AND content_hash IS NOT NULL
"""
_FROM_A_FEED = """
    SELECT 1 FROM resources WHERE content_hash IS NOT NULL AND (origin <> ? OR feed IS NOT NULL) LIMIT 1
"""
_OWNED_TARGETS = """
    SELECT resource_type, resource_id, content_hash, origin, source, feed
    FROM targets JOIN resources USING (resource_type, resource_id) WHERE content_hash IS NOT NULL
"""


class Owned(NamedTuple):
    """A resource on the server and the source it came from; `source` and `feed` are None if not known."""

    resource_type: str
    resource_id: str
    content_hash: str
    origin: str
    source: str | None
    feed: str | None


class Held(NamedTuple):
    """What the ledger says the server holds under an id; of what was deleted, hash and version are None.

    `labels` are JSON as in resource.py, None where they are not known, and of a lake, where all have the same.
    """

    resource_id: str
    content_hash: str | None
    version_id: str | None
    origin: str
    labels: str | None


class Deletable(NamedTuple):
    """A resource that may be deleted.

    `refers_to` and the file `source` are None where the ledger does not know them, and of a lake's resources.
    """

    resource_type: str
    resource_id: str
    origin: str
    refers_to: Sequence[str] | None
    source: str | None = None


class Which(Enum):
    """Which resources of the ledger, as a condition on their rows."""

    HELD = "content_hash IS NOT NULL"
    DELETED = f"content_hash IS NULL AND state = '{State.WITHDRAWN}'"


def count_by_type(ledger: Ledger, which: Which = Which.HELD) -> dict[str, int]:
    """Return how many resources of each type there are."""
    query = f"SELECT resource_type, count(*) FROM resources WHERE {which.value} GROUP BY resource_type"
    with ledger.reading() as connection:
        return dict(connection.execute(query).fetchall())


def page(ledger: Ledger, resource_type: str, after_id: str, which: Which = Which.HELD) -> Sequence[Held]:
    """Return the next `ROWS_AT_ONCE` resources of a type, in the order of their ids."""
    query = f"""
        SELECT resource_id, content_hash, version_id, origin, labels FROM resources
        WHERE resource_type = ? AND resource_id > ? AND {which.value} ORDER BY resource_id LIMIT {ROWS_AT_ONCE}
    """
    with ledger.reading() as connection:
        return [Held(*row) for row in connection.execute(query, (resource_type, after_id))]


def everything_held(ledger: Ledger) -> Iterator[Sequence[Deletable]]:
    """Yield all loaded resources that the server holds, `ROWS_AT_ONCE` at a time."""
    yield from _deletable(ledger, Which.HELD.value)


def lost_by_lake(ledger: Ledger, *states: State) -> Iterator[Sequence[Deletable]]:
    """Yield held resources that came from a lake and are in one of `states`, `ROWS_AT_ONCE` at a time."""
    yield from _deletable(ledger, f"origin <> '{FILES}' AND {_is_held_in(states)}", states)


def under(ledger: Ledger, roots: Sequence[str], *states: State, is_held: bool) -> Iterator[Sequence[Deletable]]:
    """Yield what came from files, `ROWS_AT_ONCE` at a time.

    Args:
        ledger: the ledger.
        roots: absolute paths of the files, or of folders that they are in, at any depth.
        states: of the resources.
        is_held: only what the server holds; else also what it never held.
    """
    within = " OR ".join(["source = ? OR (source > ? AND source < ?)"] * len(roots))
    condition = f"origin = '{FILES}' AND ({within}) AND state IN ({', '.join('?' * len(states))})"
    if is_held:
        condition += f" AND {Which.HELD.value}"
    ranges = [bound for root in roots for bound in (root, root.rstrip("/") + "/", root.rstrip("/") + AFTER_SLASH)]
    if roots:
        yield from _deletable(ledger, condition, [*ranges, *states])


def held_among(ledger: Ledger, keys: Iterable[tuple[str, str]]) -> list[Deletable]:
    """Return those of the resources (type, id) that the server holds and that were not withdrawn."""
    with ledger.reading() as connection:
        fill_targets(connection, keys)
        return [_as_deletable(row) for row in connection.execute(_HELD_TARGETS, (State.WITHDRAWN,))]


def owned_among(ledger: Ledger, keys: Iterable[tuple[str, str]]) -> list[Owned]:
    """Return those of the resources (type, id) that the server holds."""
    with ledger.reading() as connection:
        fill_targets(connection, keys)
        return [Owned(*row) for row in connection.execute(_OWNED_TARGETS)]


def ids_from_files(ledger: Ledger, resource_type: str) -> list[str]:
    """Return the ids of a type that the server holds from files."""
    with ledger.reading() as connection:
        return [resource_id for (resource_id,) in connection.execute(_IDS_FROM_FILES, (FILES, resource_type))]


def is_all_from_files_without_feed(ledger: Ledger) -> bool:
    """Return whether nothing of what the server holds is from a lake or from the export of one."""
    with ledger.reading() as connection:
        return connection.execute(_FROM_A_FEED, (FILES,)).fetchone() is None


def fill_targets(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Put resources (type, id) into the temporary table `targets`, which queries of this connection can join."""
    connection.execute(_MAKE_TARGETS)
    connection.execute("DELETE FROM targets")
    connection.executemany("INSERT INTO targets (resource_type, resource_id) VALUES (?, ?)", keys)


def _is_held_in(states: Sequence[State]) -> str:
    return f"{Which.HELD.value} AND state IN ({', '.join('?' * len(states))})"


def _deletable(ledger: Ledger, condition: str, parameters: Sequence[str] = ()) -> Iterator[Sequence[Deletable]]:
    after_type, after_id = "", ""
    query = f"""
        SELECT resource_type, resource_id, origin, refers_to, source FROM resources
        WHERE (resource_type, resource_id) > (?, ?) AND {condition}
        ORDER BY resource_type, resource_id LIMIT {ROWS_AT_ONCE}
    """
    while True:
        with ledger.reading() as connection:
            rows = connection.execute(query, (after_type, after_id, *parameters)).fetchall()
        if not rows:
            return
        after_type, after_id, *_ = rows[-1]
        yield list(map(_as_deletable, rows))


def _as_deletable(row: Sequence[Any]) -> Deletable:
    resource_type, resource_id, origin, refers_to, source = row
    return Deletable(resource_type, resource_id, origin, json.loads(refers_to) if refers_to else None, source)


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
