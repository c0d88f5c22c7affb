"""Loads the partitions of a lake whose digest is not the one that was loaded.

A resource that its partition held when it was last loaded, and no longer holds, goes back to the version of an older
partition, if the lake has one. Otherwise it has vanished; withdrawal.py then does what the options ask for.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

import polars as pl

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS, TIERS
from claims_pipeline.lake import Lake, read_feed
from claims_pipeline.load.ledger.holdings import lost_by_lake, recorded_days, recorded_ids
from claims_pipeline.load.ledger.settling import settle_gone
from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.options import LoadOptions, Vanished
from claims_pipeline.load.pipeline.ownership import require_own_tables
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.withdrawal import count, outcome_of, withdraw
from claims_pipeline.load.sources.lake import (
    DAILY,
    LakeChunks,
    Partition,
    as_of,
    chunks_of_ids,
    ids_of,
    latest_days,
    partitions,
    resource_type,
    rows_by_manifest,
)
from claims_pipeline.schema import CLAIMS


@dataclass
class Vanishing:
    """Finds resources that partitions held when they were last loaded, and no longer hold.

    Attributes:
        pipeline: the load; what is found may go back to an older version.
        lake: where older versions are looked for.
        candidates: by table, id -> the day of the partition that no longer holds it.
    """

    pipeline: Pipeline
    lake: Lake
    candidates: dict[str, dict[str, str]] = field(default_factory=dict)
    _days: dict[str, set[str]] = field(default_factory=dict)

    def watch(self, partition: Partition, frame: pl.DataFrame) -> None:
        """Compare the rows of a partition with what it held before, before they are loaded."""
        table = partition.table.name
        if table not in self._days:
            self._days[table] = set(recorded_days(self.pipeline.ledger, table))
        if as_of(partition) not in self._days[table]:
            return
        known = recorded_ids(self.pipeline.ledger, table, as_of(partition))
        present = ids_of(partition, frame)
        self._release(table, {i: as_of(partition) for i in known if i not in present})

    async def settle(self, table: schema.Table) -> None:
        """Send the latest version that the lake has of what its last partition no longer holds; mark the rest.

        What could not be sent is left as it is, and its partition counts as incomplete: the next load finds it again.
        """
        if table.is_daily:
            await self._send_older_versions(table)
        if self.pipeline.ended_by is not None or self.pipeline.is_dry_run:
            return
        resource_type = RENDERINGS[table.name].resource_type
        gone = []
        for resource_id, day in self._still_candidates(table.name).items():
            if f"{resource_type}/{resource_id}" in self.pipeline.tally.failed:
                self.pipeline.tally.incomplete.add(f"{table.name}/{day}")
            else:
                gone.append((resource_type, resource_id))
        settle_gone(self.pipeline.ledger, gone)

    async def settle_lost_days(self, table: schema.Table) -> None:
        """Treat the days that the lake no longer has as empty partitions."""
        present = {day.isoformat() for day in self.lake.days(table)}
        lost = [day for day in recorded_days(self.pipeline.ledger, table.name) if day and day not in present]
        for day in lost:
            self._release(table.name, dict.fromkeys(recorded_ids(self.pipeline.ledger, table.name, day), day))
        if lost:
            if not self.pipeline.is_dry_run:
                self.pipeline.ledger.forget_partitions([f"{table.name}/{day}" for day in lost])
            await self.settle(table)

    def unsettled(self, resource_type: str) -> int:
        """Return how many candidates of a type are not marked: all in a dry run, which marks none."""
        if not self.pipeline.is_dry_run:
            return 0
        return sum(
            len(found) for table, found in self.candidates.items() if RENDERINGS[table].resource_type == resource_type
        )

    async def _send_older_versions(self, table: schema.Table) -> None:
        left = self._still_candidates(table.name)
        if not left:
            return
        latest = latest_days(self.lake, table, list(left))
        if self.pipeline.is_dry_run:  # a dry run did not write to the ledger which older versions it would send
            self.candidates[table.name] = {i: day for i, day in left.items() if i not in latest}
            latest = {i: day for i, day in latest.items() if day.isoformat() < left[i]}
        for day in sorted(set(latest.values()), reverse=True):
            ids = [resource_id for resource_id, of_day in latest.items() if of_day == day]
            await self.pipeline.load(chunks_of_ids(Partition(self.lake, table, day), ids), table.name)

    def _release(self, table: str, found: dict[str, str]) -> None:
        if found:
            self.candidates.setdefault(table, {}).update(found)
            resource_type = RENDERINGS[table].resource_type
            self.pipeline.released |= {f"{resource_type}/{resource_id}@{day}" for resource_id, day in found.items()}

    def _still_candidates(self, table: str) -> dict[str, str]:
        """Return the candidates that this load has not sent again."""
        found = self.candidates.get(table, {})
        days = {day: set(recorded_ids(self.pipeline.ledger, table, day)) for day in set(found.values())}
        return {resource_id: day for resource_id, day in found.items() if resource_id in days[day]}


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
        if pipeline.ended_by is not None:
            return
    for table in DAILY if days is None else ():
        if not options.wants(RENDERINGS[table.name].resource_type):
            continue
        await vanishing.settle_lost_days(table)
        if pipeline.ended_by is not None:
            return
    for unmarked in filter(options.wants, TIERS):
        count(pipeline, unmarked, outcome_of(unmarked, options.vanished), vanishing.unsettled(unmarked))
    lost = lost_by_lake(pipeline.ledger, *_settled_by(options.vanished))
    wanted = ([row for row in rows if options.wants(row.resource_type)] for rows in lost)
    await withdraw(pipeline, filter(None, wanted), options.vanished)


def _changed(
    pipeline: Pipeline, lake: Lake, candidates: Sequence[Partition], digests: dict[str, str]
) -> list[Partition]:
    """Return the partitions that have changed; count the rows of the others as unchanged."""
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
    if not pipeline.is_dry_run:  # if the load is interrupted, the server no longer holds what these partitions held
        pipeline.ledger.forget_partitions([partition.name for partition in group])
    chunks = LakeChunks(group, vanishing.watch)
    await pipeline.load(chunks, group[0].table.name)
    if chunks.rejected:
        pipeline.reject(chunks.rejected, group[0].table.name)
    if pipeline.ended_by is not None:
        return
    await vanishing.settle(group[0].table)
    if pipeline.ended_by is not None or pipeline.is_dry_run:
        return
    complete = [
        (partition.name, digests[partition.name], chunks.row_counts[partition.name])
        for partition in group
        if partition.name not in pipeline.tally.incomplete
    ]
    pipeline.ledger.record_partitions(complete)


def _settled_by(what: Vanished) -> Sequence[State]:
    """Return the states that an option applies to: what was marked entered-in-error can still be deleted."""
    return (State.VANISHED, State.WITHDRAWN) if what is Vanished.DELETE else (State.VANISHED,)
