"""Deletes from the server resources that the ledger says are ours."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.ledger.settle import settle_deleted
from claims_pipeline.load.ledger.store import Ledger
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
            settle_deleted(ledger, [result.resource[:2] for result in gone])
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
