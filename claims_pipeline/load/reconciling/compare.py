"""The ledger against what the server really holds, resource by resource; adopting and resetting where they differ."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from claims_pipeline.load.ledger.settle import FORGET_PARTITION
from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import PARTITIONS, RESOURCES
from claims_pipeline.load.reconciling.marker import Marker, raise_generation
from claims_pipeline.load.reconciling.reads import VERSIONS_ONLY, Stored, stored
from claims_pipeline.load.sending.client import FhirClient

ROWS_AT_ONCE = 5_000
_IS_HELD = RESOURCES.c.content_hash.is_not(None)
_IS_DELETED = sa.and_(RESOURCES.c.state == "withdrawn", RESOURCES.c.content_hash.is_(None))


class Held(NamedTuple):
    """What the ledger says the server holds under an id."""

    resource_id: str
    content_hash: str
    version_id: str | None


@dataclass(frozen=True)
class Comparison:
    """Some resources of one type.

    Attributes:
        resource_type: their type.
        equal: number of those that are as the ledger says, in another version or not.
        missing: ids of those that the server does not have.
        changed: those that the server has with other content: id -> (version id, content hash) there.
        renumbered: those with the same content under another version: id -> (version id, content hash).
    """

    resource_type: str
    equal: int
    missing: Sequence[str]
    changed: dict[str, tuple[str, str]]
    renumbered: dict[str, tuple[str, str]]


async def compare(
    ledger: Ledger, client: FhirClient, *, has_all_contents: bool, workers: int
) -> AsyncIterator[Comparison]:
    """Compare all that the ledger says the server holds, in flat memory.

    Args:
        ledger: what we believe.
        client: the server.
        has_all_contents: read and hash everything; else only what has another version than the ledger knows.
        workers: most searches at the same time.

    Raises:
        FhirError: the server refuses to be read.
        ServerUnavailable: it did not answer.
    """
    for resource_type in held_types(ledger):
        last_id = ""
        while rows := _rows(ledger, resource_type, last_id, _IS_HELD):
            last_id = rows[-1].resource_id
            yield await _compare(client, resource_type, rows, has_all_contents=has_all_contents, workers=workers)


async def returned(ledger: Ledger, client: FhirClient, *, workers: int) -> AsyncIterator[Comparison]:
    """Compare what was deleted: a server that was restored from a backup may hold it again, which is a change.

    Args:
        ledger: what we believe.
        client: the server.
        workers: most searches at the same time.

    Raises:
        FhirError, ServerUnavailable: as for `compare`.
    """
    for resource_type in _types(ledger, _IS_DELETED):
        last_id = ""
        while rows := _rows(ledger, resource_type, last_id, _IS_DELETED):
            last_id = rows[-1].resource_id
            found = await stored(client, resource_type, [row.resource_id for row in rows], at_once=workers)
            changed = {resource_id: (there.version_id, there.content_hash) for resource_id, there in found.items()}
            yield Comparison(resource_type, len(rows) - len(changed), [], changed, {})


def held_types(ledger: Ledger) -> dict[str, int]:
    """Return how many resources of each type the server holds, by the ledger."""
    return _types(ledger, _IS_HELD)


def _types(ledger: Ledger, condition: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(RESOURCES.c.resource_type, sa.func.count().label("rows")).where(condition)
    with ledger.reading() as connection:
        found = connection.execute(query.group_by(RESOURCES.c.resource_type))
        return {row.resource_type: row.rows for row in found}


def mark(ledger: Ledger, comparison: Comparison) -> int:
    """Write what the server really holds into the ledger, so that the next load sends what differs.

    What was deleted or entered in error, and is there as it was before, has vanished once more.

    Returns:
        How many rows differed in content.
    """
    lost = [(None, None, comparison.resource_type, resource_id) for resource_id in comparison.missing]
    found = [
        (content_hash, version_id, comparison.resource_type, resource_id)
        for held in (comparison.changed, comparison.renumbered)
        for resource_id, (version_id, content_hash) in held.items()
    ]
    with ledger.writing() as connection:
        execute_many(connection, _SET_HELD, lost + found)
        execute_many(connection, _SET_VANISHED, [(comparison.resource_type, i) for i in comparison.changed])
        differing = [(comparison.resource_type, i) for i in (*comparison.missing, *comparison.changed)]
        execute_many(connection, FORGET_PARTITION, differing)
    return len(differing)


async def adopt(ledger: Ledger, client: FhirClient, marker: Marker | None, *, workers: int) -> None:
    """Write into the ledger what the server really holds of what it knows, and bind the server to it.

    Every resource of the ledger is read and hashed, for a restored server gives old versions new content.

    Raises:
        FhirError: the server refuses to be read, or does not take the marker.
        ServerUnavailable: it did not answer.
    """
    async for comparison in compare(ledger, client, has_all_contents=True, workers=workers):
        mark(ledger, comparison)
    async for comparison in returned(ledger, client, workers=workers):
        mark(ledger, comparison)
    with ledger.writing() as connection:
        connection.execute(sa.delete(PARTITIONS))
    await raise_generation(ledger, client, above=marker.generation if marker else 0)


async def reset(ledger: Ledger, client: FhirClient, marker: Marker | None) -> None:
    """Forget what the ledger says, and bind the server to it.

    Raises:
        FhirError: the server does not take the marker.
        ServerUnavailable: it did not answer.
    """
    with ledger.writing() as connection:
        connection.execute(sa.delete(RESOURCES))
        connection.execute(sa.delete(PARTITIONS))
    await raise_generation(ledger, client, above=marker.generation if marker else 0)


async def _compare(
    client: FhirClient, resource_type: str, rows: Sequence[Held], *, has_all_contents: bool, workers: int
) -> Comparison:
    versions: Mapping[str, Stored] = {}
    if not has_all_contents:
        ids = [row.resource_id for row in rows]
        versions = await stored(client, resource_type, ids, elements=VERSIONS_ONLY, at_once=workers)
    doubtful = {
        row.resource_id: row
        for row in rows
        if has_all_contents or _version(versions, row.resource_id) not in {None, row.version_id}
    }
    contents = await stored(client, resource_type, list(doubtful), at_once=workers)
    missing = [
        row.resource_id
        for row in rows
        if row.resource_id not in (contents if row.resource_id in doubtful else versions)
    ]
    held = {resource_id: (found.version_id, found.content_hash) for resource_id, found in contents.items()}
    changed = {i: there for i, there in held.items() if there[1] != doubtful[i].content_hash}
    renumbered = {i: there for i, there in held.items() if i not in changed and there[0] != doubtful[i].version_id}
    return Comparison(resource_type, len(rows) - len(missing) - len(changed), missing, changed, renumbered)


def _version(versions: Mapping[str, Stored], resource_id: str) -> str | None:
    found = versions.get(resource_id)
    return found.version_id if found else None


def _rows(ledger: Ledger, resource_type: str, after: str, condition: sa.ColumnElement[bool]) -> Sequence[Held]:
    columns = (RESOURCES.c.resource_id, RESOURCES.c.content_hash, RESOURCES.c.version_id)
    query = sa.select(*columns).where(
        RESOURCES.c.resource_type == resource_type,
        RESOURCES.c.resource_id > after,
        condition,
    )
    with ledger.reading() as connection:
        found = connection.execute(query.order_by(RESOURCES.c.resource_id).limit(ROWS_AT_ONCE))
        return [Held(row.resource_id, row.content_hash, row.version_id) for row in found]


_SET_VANISHED = (
    sa.update(RESOURCES)
    .values(state=sa.literal_column("'vanished'"))
    .where(
        RESOURCES.c.resource_type == sa.bindparam("of_type"),
        RESOURCES.c.resource_id == sa.bindparam("of_id"),
        RESOURCES.c.state == sa.literal_column("'withdrawn'"),
    )
)
_SET_HELD = (
    sa.update(RESOURCES)
    .values(content_hash=sa.bindparam("held_hash"), version_id=sa.bindparam("held_version"))
    .where(
        RESOURCES.c.resource_type == sa.bindparam("of_type"),
        RESOURCES.c.resource_id == sa.bindparam("of_id"),
    )
)
