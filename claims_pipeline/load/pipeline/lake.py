"""Partitions of a lake through the pipeline: those whose digest is not the one that was loaded."""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import groupby

from claims_pipeline.fhir import RENDERINGS, TIERS
from claims_pipeline.lake import Lake, read_feed
from claims_pipeline.load.ledger.holdings import lost_by_lake
from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.options import LoadOptions, Vanished
from claims_pipeline.load.pipeline.ownership import require_own_tables
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.vanished import Vanishing
from claims_pipeline.load.pipeline.withdrawal import count, outcome_of, withdraw
from claims_pipeline.load.sources import Partition, partitions
from claims_pipeline.load.sources.lake import DAILY, LakeChunks, as_of, resource_type, rows_by_manifest
from claims_pipeline.schema import CLAIMS


async def load_days(pipeline: Pipeline, lake: Lake, days: Sequence[date] | None, options: LoadOptions) -> None:
    """Load the directory and some days of a lake, all of them if `days` is None."""
    chosen = lake.days(CLAIMS) if days is None else days
    of_all_types = partitions(lake, chosen, newest_first=not options.has_every_version)
    candidates = [partition for partition in of_all_types if options.wants(resource_type(partition))]
    digests = {partition.name: partition.digest() for partition in candidates}
    changed = _changed(pipeline, lake, candidates, digests)
    if not options.take_over:
        feed = read_feed(lake.root)
        await asyncio.to_thread(require_own_tables, pipeline.ledger, changed, feed.model_dump_json() if feed else None)
    vanishing = Vanishing(pipeline, lake)
    for group in _every_version(changed) if options.has_every_version else _net_effect(changed):
        await _load_group(pipeline, group, digests, vanishing)
        if pipeline.sender.stopped is not None:
            return
    for table in DAILY if days is None else ():
        if not options.wants(RENDERINGS[table.name].resource_type):
            continue
        await vanishing.settle_lost_days(table)
        if pipeline.sender.stopped is not None:
            return
    for unmarked in filter(options.wants, TIERS):
        count(pipeline, unmarked, outcome_of(unmarked, options.vanished), vanishing.unsettled(unmarked))
    lost = lost_by_lake(pipeline.ledger, *_settled_by(options.vanished))
    wanted = ([row for row in rows if options.wants(row.resource_type)] for rows in lost)
    await withdraw(pipeline, filter(None, wanted), options.vanished)


def _changed(
    pipeline: Pipeline, lake: Lake, candidates: Sequence[Partition], digests: dict[str, str]
) -> list[Partition]:
    """Return the partitions to look into; count the rows of the others as unchanged."""
    known = pipeline.ledger.partitions()
    changed = []
    for partition in candidates:
        digest, rows_loaded = known.get(partition.name, ("", 0))
        if digest == digests[partition.name] and not pipeline.is_full:
            pipeline.tally.add_partition(resource_type(partition), as_of(partition), rows_loaded)
        else:
            changed.append(partition)
    rows = rows_by_manifest(lake)
    pipeline.total = pipeline.tally.settled + sum(rows.get(partition.name, 0) for partition in changed)
    return changed


def _net_effect(changed: Sequence[Partition]) -> list[list[Partition]]:
    """Return all days of a table together, newest first."""
    return [list(group) for _, group in groupby(changed, key=lambda partition: partition.table.name)]


def _every_version(changed: Sequence[Partition]) -> list[list[Partition]]:
    """Return the directory, then day after day, table after table."""
    days = sorted({partition.day for partition in changed if partition.day})
    return [[p] for p in changed if p.day is None] + [[p] for day in days for p in changed if p.day == day]


async def _load_group(
    pipeline: Pipeline, group: Sequence[Partition], digests: dict[str, str], vanishing: Vanishing
) -> None:
    if not pipeline.is_dry_run:  # if this is interrupted, what was loaded before is no longer what the server holds
        pipeline.ledger.forget_partitions([partition.name for partition in group])
    chunks = LakeChunks(group, vanishing.watch)
    await pipeline.load(chunks, group[0].table.name)
    if chunks.rejected:
        pipeline.reject(chunks.rejected, group[0].table.name)
    if pipeline.sender.stopped is not None:
        return
    await vanishing.settle(group[0].table)
    if pipeline.sender.stopped is not None or pipeline.is_dry_run:
        return
    complete = [
        (partition.name, digests[partition.name], chunks.row_counts[partition.name])
        for partition in group
        if partition.name not in pipeline.tally.incomplete
    ]
    pipeline.ledger.record_partitions(complete)


def _settled_by(what: Vanished) -> Sequence[State]:
    """Return the states of resources that a wish is about: what was marked entered-in-error can still be deleted."""
    return (State.VANISHED, State.WITHDRAWN) if what is Vanished.DELETE else (State.VANISHED,)
