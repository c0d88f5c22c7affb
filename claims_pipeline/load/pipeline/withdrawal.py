"""Keeps, marks as entered-in-error or deletes resources on the server that the source no longer has."""

from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import groupby

from claims_pipeline.fhir.canonical import decode, encode
from claims_pipeline.load.ledger.holdings import Holding
from claims_pipeline.load.ledger.settling import settle_deleted, settle_entered_in_error
from claims_pipeline.load.options import Vanished
from claims_pipeline.load.pipeline.deletion import delete
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.reconciling.reads import Stored, stored
from claims_pipeline.load.resource import LOADED, Resource, Result
from claims_pipeline.load.sending.bundles import bundles

CAN_BE_ENTERED_IN_ERROR = frozenset({"Claim", "Coverage"})
IN_ERROR = "entered-in-error"
UNCHECKED = "a resource that another one refers to is not deleted; a dry run does not check which these are"
KEPT, DELETED, WITHDRAWN, ALREADY_GONE = "kept", "deleted", "entered in error", "already gone from the server"


async def withdraw(pipeline: Pipeline, gone: Iterable[Sequence[Holding]], what: Vanished) -> None:
    """Keep, mark as entered-in-error or delete resources, and count the results.

    Args:
        pipeline: the load; a dry run only counts.
        gone: resources on the server that the source no longer has, some at a time.
        what: what to do with them; entered-in-error applies to Claim and Coverage, others are kept.
    """
    if pipeline.is_dry_run or what is Vanished.KEEP:
        for rows in gone:
            for resource_type, number in Counter(row.resource_type for row in rows).items():
                count(pipeline, resource_type, outcome_of(resource_type, what), number)
        if pipeline.is_dry_run and what is Vanished.DELETE and pipeline.tally.vanished:
            pipeline.remarks.append(UNCHECKED)
    elif what is Vanished.DELETE:
        await _delete(pipeline, gone)
    else:
        for rows in gone:
            if pipeline.sender.stopped is not None:
                pipeline.is_cut_short = True
                return
            for resource_type, group in groupby(rows, key=lambda row: row.resource_type):
                ids = [row.resource_id for row in group]
                if resource_type in CAN_BE_ENTERED_IN_ERROR:
                    await _enter_in_error(pipeline, resource_type, ids)
                else:
                    count(pipeline, resource_type, KEPT, len(ids))


def outcome_of(resource_type: str, what: Vanished) -> str:
    """Return what a load does with a vanished resource of a type."""
    if what is Vanished.DELETE:
        return DELETED
    return WITHDRAWN if what is Vanished.ENTERED_IN_ERROR and resource_type in CAN_BE_ENTERED_IN_ERROR else KEPT


def count(pipeline: Pipeline, resource_type: str, outcome: str, number: int) -> None:
    """Count what was done with resources that the source no longer has."""
    if number:
        pipeline.tally.vanished[f"{resource_type} {outcome}"] += number


async def _delete(pipeline: Pipeline, gone: Iterable[Sequence[Holding]]) -> None:
    rows = iter(gone)
    first = next(rows, None)
    if first is None:
        return
    if pipeline.sender.stopped is not None:
        pipeline.is_cut_short = True
        return
    await pipeline.open()
    everything = (part for parts in ([first], rows) for part in parts)
    deleted = await delete(pipeline.ledger, pipeline.sender, everything, on_progress=pipeline.on_progress)
    pipeline.is_cut_short |= pipeline.sender.stopped is not None
    for resource_type, number in deleted.done.items():
        count(pipeline, resource_type, DELETED, number)
    for resource_type, number in deleted.failed.items():
        _count_failed(pipeline, resource_type, DELETED, number)
    _name_failures(pipeline, deleted.failures, DELETED)


async def _enter_in_error(pipeline: Pipeline, resource_type: str, ids: Sequence[str]) -> None:
    """Send what the server holds with the status entered-in-error; record as deleted what it does not hold."""
    await pipeline.open()
    held = await stored(pipeline.sender.client, resource_type, ids)
    absent = [resource_id for resource_id in ids if resource_id not in held]
    settle_deleted(pipeline.ledger, [(resource_type, resource_id) for resource_id in absent])
    count(pipeline, resource_type, ALREADY_GONE, len(absent))

    async def on_results(results: Sequence[Result]) -> None:
        settle_entered_in_error(pipeline.ledger, results)
        failures = [result for result in results if result.outcome not in LOADED]
        count(pipeline, resource_type, WITHDRAWN, len(results) - len(failures))
        _count_failed(pipeline, resource_type, WITHDRAWN, len(failures))
        _name_failures(pipeline, failures, WITHDRAWN)

    for part in bundles(map(_in_error, held.values()), pipeline.sender.largest):
        await pipeline.sender.deliver(part, on_results)


def _count_failed(pipeline: Pipeline, resource_type: str, outcome: str, number: int) -> None:
    count(pipeline, resource_type, f"not {outcome}", number)
    pipeline.tally.vanished_failed += number


def _name_failures(pipeline: Pipeline, failures: Iterable[Result], outcome: str) -> None:
    pipeline.tally.add_failures(failure._replace(outcome=f"not {outcome}") for failure in failures)


def _in_error(found: Stored) -> Resource:
    resource, _ = decode(found.body)
    body = encode(resource | {"status": IN_ERROR})
    return Resource(found.resource_type, found.resource_id, sha256(body.encode()).hexdigest(), "", IN_ERROR, body, [])
