"""Deletes resources from the server in the reverse order of their references; `remove` and `withdraw` call it."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.ledger.holdings import Holding
from claims_pipeline.load.ledger.settling import settle_deleted
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.ordering import Step, deletion_order
from claims_pipeline.load.progress import REPORT_SECONDS, OnProgress, Pace, Progress, silent
from claims_pipeline.load.reconciling.reads import references_on_server
from claims_pipeline.load.resource import FILES, LOADED, Resource, Result
from claims_pipeline.load.sending.bundles import bundles
from claims_pipeline.load.sending.send import OnResults, Sender

FAILURES_KEPT = 200


@dataclass
class Deleted:
    """How many resources of each type were deleted and how many were not, with the first reasons."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    failures: list[Result] = field(default_factory=list)

    @property
    def settled(self) -> int:
        """How many resources are deleted or have failed."""
        return self.done.total() + self.failed.total()

    def add_failures(self, results: Iterable[Result]) -> None:
        """Count what could not be deleted."""
        for result in results:
            self.failed[result.resource.resource_type] += 1
            if len(self.failures) < FAILURES_KEPT:
                self.failures.append(result)


@dataclass
class _Deletion:
    """A deletion that runs; `kept_by`: resource that cannot be deleted -> resource on the server that refers to it."""

    ledger: Ledger
    sender: Sender
    on_progress: OnProgress
    total: int = 0
    deleted: Deleted = field(default_factory=Deleted)
    kept_by: dict[str, str] = field(default_factory=dict)
    _pace: Pace = field(default_factory=Pace)
    _reported_at: float = 0.0

    async def delete(self, steps: Sequence[Step], targets_of: Callable[[Sequence[Step]], Mapping[str, str]]) -> None:
        """Delete one tier; record the targets of resources that stay, because these targets must stay too."""
        by_name = {step.name: step for step in steps}
        stuck: list[Step] = []
        may_go = []
        for step in steps:
            if step.name in self.kept_by and step.together is None:
                stuck.append(step)
                self.deleted.add_failures([_kept(step, self.kept_by[step.name])])
            else:
                may_go.append(step)

        async def on_results(results: Sequence[Result]) -> None:
            results = self._settle(results)
            failures = [result for result in results if result.outcome not in LOADED]
            stuck.extend(by_name[result.resource.name] for result in failures)
            self.deleted.add_failures(failures)
            self.deleted.done.update(result.resource.resource_type for result in results if result.outcome in LOADED)
            self.report(by_name[results[0].resource.name].resource_type)

        await self._send(may_go, on_results)
        if stuck:
            self.kept_by.update(await asyncio.to_thread(targets_of, stuck))

    async def _send(self, steps: Sequence[Step], on_results: OnResults) -> None:
        deleter = self.sender.deleting()

        async def one(bundle: Sequence[Resource]) -> None:
            try:
                await deleter.deliver(bundle, on_results)
            finally:
                await self.sender.limit.release()

        async with asyncio.TaskGroup() as sending:
            for bundle in bundles(map(_resource, steps), self.sender.largest):
                await self.sender.limit.acquire()
                if self.sender.stopped is not None:
                    await self.sender.limit.release()
                    return
                sending.create_task(one(bundle))

    def _settle(self, results: Sequence[Result]) -> Sequence[Result]:
        try:
            settle_deleted(self.ledger, [result.resource[:2] for result in results if result.outcome in LOADED])
        except ClaimsPipelineError as error:
            self.sender.stop(error)
            return [result._replace(outcome="failed", text=error.message) for result in results]
        return results

    def begin(self) -> None:
        """Measure the pace from now on."""
        self._pace.add(time.monotonic(), 0, 0, 0)

    def report(self, resource_type: str) -> None:
        """Report the progress, at most once a second."""
        settled = self.deleted.settled
        progress = self._pace.progress(
            f"deleting {resource_type}",
            settled=settled,
            total=self.total,
            claims=0,
            resources=settled,
            in_flight=self.sender.limit.in_flight,
            retries=self.sender.client.traffic.retries,
        )
        if (now := time.monotonic()) - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            self.on_progress(progress)


async def delete(
    ledger: Ledger, sender: Sender, deletable: Iterable[Sequence[Holding]], *, on_progress: OnProgress = silent
) -> Deleted:
    """Delete resources from the server, except those that other resources there refer to, and their targets.

    The ledger keeps their ids as withdrawn: a server that is restored from a backup may hold them again.

    Args:
        ledger: what the server holds.
        sender: where to delete; it may stop before the end.
        deletable: the resources, some at a time. References of those from files that the ledger does not know are read
            from the server.
        on_progress: called with the progress.
    """
    work = _Deletion(ledger, sender, on_progress)
    with deletion_order(ledger.database.path.parent) as order:
        for rows in deletable:
            work.total += len(rows)
            on_progress(Progress("finding the order of deletion", settled=work.total))
            complete = await _with_references(sender, rows)
            await asyncio.to_thread(order.add, complete)
        tiers = order.tiers()
        work.begin()
        while sender.stopped is None and (steps := await asyncio.to_thread(next, tiers, None)) is not None:
            await work.delete(steps, order.targets_of)
    return work.deleted


async def _with_references(sender: Sender, rows: Sequence[Holding]) -> list[Holding]:
    """Return the rows with what they refer to, read from the server where a ledger of an earlier version has none."""
    names = [row.name for row in rows if row.origin == FILES and row.refers_to is None]
    found = await references_on_server(sender.client, names) if names else {}
    return [row._replace(refers_to=json.dumps(found[row.name])) if row.name in found else row for row in rows]


def _resource(step: Step) -> Resource:
    return Resource(step.resource_type, step.resource_id, "", "", "ledger", "", [], step.together)


def _kept(step: Step, referring: str) -> Result:
    return Result(_resource(step), "rejected", text=f"{referring}, which is still there, refers to it")
