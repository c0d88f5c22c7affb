"""Compares the ledger with what the server holds, resource by resource; adopts or resets where they differ."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from claims_pipeline.fhir.vocabulary import TEST_DATA
from claims_pipeline.load.ledger.holdings import Holding, deleted, forget_all, held
from claims_pipeline.load.ledger.settling import Found, settle_found
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.reconciling.marker import Marker, raise_generation
from claims_pipeline.load.reconciling.reads import VERSIONS_ONLY, Stored, stored
from claims_pipeline.load.resource import FILES, labels_in
from claims_pipeline.load.sending.client import FhirClient

_LABELS_OF_A_LAKE = json.dumps(labels_in({"security": [TEST_DATA]}))


@dataclass(frozen=True)
class Comparison:
    """The comparison of some resources of one type.

    Attributes:
        resource_type: their type.
        equal: number of those that are as the ledger says, in another version or not.
        missing: ids of those that the server does not have.
        changed: by id, those that the server has with other content, labels included.
        renumbered: by id, those that it has with the same content under another version.
    """

    resource_type: str
    equal: int
    missing: Sequence[str]
    changed: dict[str, Found]
    renumbered: dict[str, Found]


async def compare(
    ledger: Ledger, client: FhirClient, *, has_all_contents: bool, workers: int
) -> AsyncIterator[Comparison]:
    """Compare all that the ledger says the server holds, in flat memory.

    Args:
        ledger: what the server should hold.
        client: the server.
        has_all_contents: read and hash everything; else only what has another version, or other labels, than the
            ledger knows.
        workers: most searches at the same time.

    Raises:
        FhirError: the server refuses to be read.
        ServerUnavailable: it did not answer.
    """
    for resource_type, rows in _by_type(held(ledger)):
        yield await _compare(client, resource_type, rows, has_all_contents=has_all_contents, workers=workers)


async def returned(ledger: Ledger, client: FhirClient, *, workers: int) -> AsyncIterator[Comparison]:
    """Compare what was deleted: a server that was restored from a backup may hold it again, which is a change.

    Args:
        ledger: what the server should hold.
        client: the server.
        workers: most searches at the same time.

    Raises:
        FhirError, ServerUnavailable: as for `compare`.
    """
    for resource_type, rows in _by_type(deleted(ledger)):
        found = await stored(client, resource_type, [row.resource_id for row in rows], at_once=workers)
        changed = {resource_id: _found(there) for resource_id, there in found.items()}
        yield Comparison(resource_type, len(rows) - len(changed), [], changed, {})


def mark(ledger: Ledger, comparison: Comparison) -> int:
    """Write what the server really holds into the ledger, so that the next load sends what differs.

    A resource that was deleted or marked, and that the server holds again, is vanished again.

    Returns:
        How many rows differed in content.
    """
    settle_found(
        ledger,
        comparison.resource_type,
        missing=comparison.missing,
        changed=comparison.changed,
        renumbered=comparison.renumbered,
    )
    return len(comparison.missing) + len(comparison.changed)


async def adopt(ledger: Ledger, client: FhirClient, marker: Marker | None, *, workers: int) -> None:
    """Write into the ledger what the server really holds of what it knows, and bind the server to it.

    Every resource of the ledger is read and hashed, because a restored server may give the same version other content.

    Raises:
        FhirError: the server refuses to be read, or refuses the marker.
        ServerUnavailable: it did not answer.
    """
    async for comparison in compare(ledger, client, has_all_contents=True, workers=workers):
        mark(ledger, comparison)
    async for comparison in returned(ledger, client, workers=workers):
        mark(ledger, comparison)
    ledger.forget_partitions()
    await raise_generation(ledger, client, above=marker.generation if marker else 0)


async def reset(ledger: Ledger, client: FhirClient, marker: Marker | None) -> None:
    """Forget what the ledger says, and bind the server to it.

    Raises:
        FhirError: the server refuses the marker.
        ServerUnavailable: it did not answer.
    """
    forget_all(ledger)
    await raise_generation(ledger, client, above=marker.generation if marker else 0)


def _by_type(pages: Iterable[Sequence[Holding]]) -> Iterator[tuple[str, Sequence[Holding]]]:
    for page in pages:
        for resource_type, rows in groupby(page, key=lambda row: row.resource_type):
            yield resource_type, list(rows)


async def _compare(
    client: FhirClient, resource_type: str, rows: Sequence[Holding], *, has_all_contents: bool, workers: int
) -> Comparison:
    shown: Mapping[str, Stored] = {}
    if not has_all_contents:
        ids = [row.resource_id for row in rows]
        shown = await stored(client, resource_type, ids, elements=VERSIONS_ONLY, at_once=workers)
    doubtful = {
        row.resource_id: row
        for row in rows
        if has_all_contents or (row.resource_id in shown and not _is_as_known(row, shown[row.resource_id]))
    }
    contents = await stored(client, resource_type, list(doubtful), at_once=workers)
    missing = [
        row.resource_id for row in rows if row.resource_id not in (contents if row.resource_id in doubtful else shown)
    ]
    found = {resource_id: _found(there) for resource_id, there in contents.items()}
    changed = {i: there for i, there in found.items() if there.content_hash != doubtful[i].content_hash}
    renumbered = {
        i: there for i, there in found.items() if i not in changed and there.version_id != doubtful[i].version_id
    }
    return Comparison(resource_type, len(rows) - len(missing) - len(changed), missing, changed, renumbered)


def _is_as_known(row: Holding, there: Stored) -> bool:
    labels = row.labels if row.labels is not None or row.origin == FILES else _LABELS_OF_A_LAKE
    return there.version_id == row.version_id and labels in {None, there.labels}


def _found(there: Stored) -> Found:
    return Found(there.version_id, there.content_hash, there.labels)
