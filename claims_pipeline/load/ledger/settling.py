"""Records in the ledger what happened to resources: each function records one event of states.py, or several."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from claims_pipeline.load.ledger.states import Event, Key, after, before
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import FILES, LOADED, Resource, Result, file_of, resources_of


class Found(NamedTuple):
    """What the server has under an id; `labels` are JSON as in resource.py."""

    version_id: str
    content_hash: str
    labels: str


def settle(ledger: Ledger, results: Sequence[Result], origin: str, feed: str | None = None) -> None:
    """Record loaded and rejected resources; failed ones are not recorded, because they are still to do.

    `feed` is that of which files are an export, None where it is not known.
    """
    loaded = [_loaded(result, origin, feed) for result in results if result.outcome in LOADED]
    rejected = [_rejected(result, origin) for result in results if result.outcome == "rejected"]
    if loaded or rejected:
        with ledger.writing() as connection:
            if origin == FILES:  # the partition that held these no longer says what the server holds
                connection.executemany(_FORGET_PARTITION, [row[:2] for row in loaded])
            connection.executemany(_PUT_LOADED, loaded)
            connection.executemany(_PUT_REJECTED, rejected)


def touch(ledger: Ledger, unchanged: pl.DataFrame, origin: str, feed: str | None = None) -> None:
    """Record the later partition, or file, of unchanged resources (columns of `resource.CHUNK_SCHEMA`)."""
    rows = [
        (resource.as_of, origin, *_facts_of_file(resource, origin, feed), *resource[:2])
        for resource in resources_of(unchanged, origin)
    ]
    if rows:
        with ledger.writing() as connection:
            connection.executemany(_TOUCH, rows)


def settle_gone(ledger: Ledger, keys: Sequence[Key]) -> None:
    """Record that the source no longer has resources: what the server never held is forgotten, the rest vanished."""
    with ledger.writing() as connection:
        connection.executemany(_FORGET_NEVER_HELD, keys)
        connection.executemany(_SET_GONE, keys)


def settle_discarded(ledger: Ledger, keys: Sequence[Key]) -> None:
    """Record that dead letters were discarded: what the server holds counts as loaded, the rest is forgotten.

    A load that finds such a resource in its source sends it again.
    """
    with ledger.writing() as connection:
        connection.executemany(_FORGET_PARTITION, keys)
        connection.executemany(_FORGET_DISCARDED, keys)
        connection.executemany(_SET_DISCARDED, keys)


def settle_deleted(ledger: Ledger, keys: Sequence[Key]) -> None:
    """Record that resources were deleted; their ids stay, because a restored server may hold them again."""
    with ledger.writing() as connection:
        connection.executemany(_SET_DELETED, keys)


def settle_entered_in_error(ledger: Ledger, results: Iterable[Result]) -> None:
    """Record resources that the server confirmed with the status entered-in-error."""
    rows = [
        (result.resource.content_hash, result.version_id or None, *result.resource[:2])
        for result in results
        if result.outcome in LOADED
    ]
    with ledger.writing() as connection:
        connection.executemany(_SET_ENTERED_IN_ERROR, rows)


def settle_found(
    ledger: Ledger,
    resource_type: str,
    *,
    missing: Sequence[str],
    changed: Mapping[str, Found],
    renumbered: Mapping[str, Found],
) -> None:
    """Record what the server holds, so that the next load sends what differs.

    A withdrawn resource that the server holds with other content is vanished again.

    Args:
        ledger: the ledger.
        resource_type: type of the resources.
        missing: ids of what the server does not have.
        changed: what it has with other content, by id.
        renumbered: what it has with the same content in another version, likewise.
    """
    held = [
        (found.content_hash, found.version_id, found.labels, resource_type, resource_id)
        for there in (changed, renumbered)
        for resource_id, found in there.items()
    ]
    lost = [(None, None, None, resource_type, resource_id) for resource_id in missing]
    with ledger.writing() as connection:
        connection.executemany(_SET_HELD, [*lost, *held])
        connection.executemany(_SET_CAME_BACK, [(resource_type, resource_id) for resource_id in changed])
        connection.executemany(_FORGET_PARTITION, [(resource_type, i) for i in (*missing, *changed)])


def _loaded(result: Result, origin: str, feed: str | None) -> tuple[str | None, ...]:
    resource = result.resource
    return (
        *resource[:2],
        after(Event.CONFIRMED),
        resource.content_hash,
        result.version_id or None,
        resource.as_of,
        origin,
        *_facts_of_file(resource, origin, feed),
    )


def _facts_of_file(resource: Resource, origin: str, feed: str | None) -> tuple[str | None, ...]:
    """Return references, file, labels and feed of what came from files; the tables of a lake say these themselves."""
    if origin != FILES:
        return (None, None, None, None)
    return (json.dumps(resource.references), file_of(resource.source), resource.labels, feed)


def _rejected(result: Result, origin: str) -> tuple[str | None, ...]:
    resource = result.resource
    refused = (
        file_of(resource.source) if origin == FILES else None,
        resource.content_hash,
        result.missing_target or None,
    )
    return (*resource[:2], after(Event.REFUSED), resource.as_of, origin, *refused)


def _among(event: Event) -> str:
    return f"state IN ({', '.join(repr(str(state)) for state in before(event))})"


_OF_KEY = "resource_type = ? AND resource_id = ?"
_PUT_LOADED = """
    INSERT INTO resources
        (resource_type, resource_id, state, content_hash, version_id, as_of, origin, refers_to, source, labels, feed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (resource_type, resource_id) DO UPDATE SET
        state = excluded.state, content_hash = excluded.content_hash, version_id = excluded.version_id,
        as_of = excluded.as_of, origin = excluded.origin, refers_to = excluded.refers_to,
        source = excluded.source, labels = excluded.labels, feed = excluded.feed,
        rejected_hash = NULL, missing_target = NULL
"""
_PUT_REJECTED = """
    INSERT INTO resources (resource_type, resource_id, state, as_of, origin, source, rejected_hash, missing_target)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (resource_type, resource_id) DO UPDATE SET
        state = excluded.state, as_of = excluded.as_of, origin = excluded.origin, source = excluded.source,
        rejected_hash = excluded.rejected_hash, missing_target = excluded.missing_target
"""
"""What the server holds of a rejected resource, it still holds: hash and version of that stay."""

_TOUCH = f"""
    UPDATE resources
    SET state = '{after(Event.FOUND_EQUAL)}', as_of = ?, origin = ?, refers_to = ?, source = ?, labels = ?, feed = ?,
        rejected_hash = NULL, missing_target = NULL
    WHERE {_OF_KEY} AND {_among(Event.FOUND_EQUAL)}
"""
_FORGET_NEVER_HELD = f"DELETE FROM resources WHERE {_OF_KEY} AND content_hash IS NULL AND {_among(Event.NEVER_HELD)}"
_SET_GONE = f"UPDATE resources SET state = '{after(Event.GONE)}' WHERE {_OF_KEY} AND {_among(Event.GONE)}"
_FORGET_DISCARDED = (
    f"DELETE FROM resources WHERE {_OF_KEY} AND content_hash IS NULL AND {_among(Event.DISCARDED_NEVER_HELD)}"
)
_SET_DISCARDED = f"""
    UPDATE resources SET state = '{after(Event.DISCARDED)}', rejected_hash = NULL, missing_target = NULL
    WHERE {_OF_KEY} AND {_among(Event.DISCARDED)}
"""
_SET_DELETED = f"""
    UPDATE resources SET state = '{after(Event.DELETED)}', content_hash = NULL, version_id = NULL, as_of = ''
    WHERE {_OF_KEY} AND {_among(Event.DELETED)}
"""
_SET_ENTERED_IN_ERROR = f"""
    UPDATE resources SET state = '{after(Event.ENTERED_IN_ERROR)}', content_hash = ?, version_id = ?, as_of = ''
    WHERE {_OF_KEY} AND {_among(Event.ENTERED_IN_ERROR)}
"""
_SET_HELD = f"UPDATE resources SET content_hash = ?, version_id = ?, labels = ? WHERE {_OF_KEY}"
_SET_CAME_BACK = f"""
    UPDATE resources SET state = '{after(Event.CAME_BACK)}' WHERE {_OF_KEY} AND {_among(Event.CAME_BACK)}
"""
_FORGET_PARTITION = f"""
    DELETE FROM partitions WHERE name = (
        SELECT origin || CASE WHEN as_of = '' THEN '' ELSE '/' || as_of END FROM resources WHERE {_OF_KEY}
    )
"""
"""Forgets that the partition of a resource was loaded completely: the next load looks into it."""
