"""Deletes from the server resources that the ledger says are ours."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.resource import LOADED, Resource, Result
from claims_pipeline.load.sending.pack import bundles
from claims_pipeline.load.sending.send import Sender


@dataclass
class Deleted:
    """How many resources are gone, and what could not be deleted."""

    done: int = 0
    failures: list[Result] = field(default_factory=list)


async def delete(ledger: Ledger, sender: Sender, keys: Sequence[tuple[str, str]]) -> Deleted:
    """Delete resources (type, id) from the server; what is still referred to stays.

    The ledger keeps their ids as withdrawn: a server that is restored from a backup may hold them again.
    """
    deleted = Deleted()
    deleter = sender.deleting()

    async def on_results(results: Sequence[Result]) -> None:
        gone = [result for result in results if result.outcome in LOADED]
        deleted.failures += [result for result in results if result.outcome not in LOADED]
        try:
            with ledger.writing() as connection:
                execute_many(connection, _SET_DELETED, [result.resource[:2] for result in gone])
        except ClaimsPipelineError as error:
            sender.stop(error)
            deleted.failures += [result._replace(outcome="failed", text=error.message) for result in gone]
        else:
            deleted.done += len(gone)

    async def one(bundle: Sequence[Resource]) -> None:
        try:
            await deleter.deliver(bundle, on_results)
        finally:
            await sender.limit.release()

    resources = [Resource(*key, "", "", "ledger", "", []) for key in keys]
    async with asyncio.TaskGroup() as sending:
        for bundle in bundles(resources, sender.largest):
            await sender.limit.acquire()
            sending.create_task(one(bundle))
    return deleted


_NOTHING: sa.ColumnElement[str] = sa.literal_column("''")  # not bound: bind parameters come in row order
_SET_DELETED = (
    sa.update(RESOURCES)
    .values(state=sa.literal_column("'withdrawn'"), content_hash=sa.null(), version_id=sa.null(), as_of=_NOTHING)
    .where(RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
)
