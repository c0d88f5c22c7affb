"""Finds what is no longer in the source: in the partitions of a lake, while they are read, or in files.

A resource that its partition held when it was last loaded, and holds no more, goes back to the version of an older
partition, if the lake has one. Otherwise it has vanished. withdrawal.py does what was asked for about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.lake import Lake
from claims_pipeline.load.ledger.holdings import recorded_days, recorded_ids
from claims_pipeline.load.ledger.settle import settle_gone
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.sources import Partition
from claims_pipeline.load.sources.lake import LakeChunks, as_of


@dataclass
class Vanishing:
    """What partitions held and hold no more.

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
        """Look at the rows of a partition that is about to be loaded."""
        table = partition.table.name
        if table not in self._days:
            self._days[table] = set(self._recorded_days(table))
        if as_of(partition) not in self._days[table]:
            return
        known = self._recorded(table, as_of(partition))
        present = set(frame[RENDERINGS[table].id_column].to_list())
        self._release(table, {i: as_of(partition) for i in known if i not in present})

    async def settle(self, table: schema.Table) -> None:
        """Send the latest version that the lake has of what its last partition no longer holds; mark the rest.

        What could not be sent is left as it is, and its partition counts as incomplete: the next load finds it again.
        """
        if table.is_daily:
            await self._send_older_versions(table)
        if self.pipeline.sender.stopped is not None or self.pipeline.is_dry_run:
            return
        resource_type = RENDERINGS[table.name].resource_type
        vanished = {}
        for resource_id, day in self._still_candidates(table.name).items():
            if f"{resource_type}/{resource_id}" in self.pipeline.tally.failed:
                self.pipeline.tally.incomplete.add(f"{table.name}/{day}")
            else:
                vanished[resource_id] = day
        keys = [(resource_type, resource_id) for resource_id in vanished]
        settle_gone(self.pipeline.ledger, keys)

    async def settle_lost_days(self, table: schema.Table) -> None:
        """Treat the days that the lake no longer has as partitions that hold nothing."""
        present = {day.isoformat() for day in self.lake.days(table)}
        lost = [day for day in self._recorded_days(table.name) if day and day not in present]
        for day in lost:
            self._release(table.name, dict.fromkeys(self._recorded(table.name, day), day))
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
        id_column = RENDERINGS[table.name].id_column
        rows = self.lake.scan(table).select(id_column, "day").filter(pl.col(id_column).is_in(list(left)))
        latest = rows.group_by(id_column).agg(pl.col("day").max()).collect()
        if self.pipeline.is_dry_run:  # the ledger does not know what this load would have brought back
            self.candidates[table.name] = {i: day for i, day in left.items() if i not in set(latest[id_column])}
            latest = latest.filter(pl.col("day").cast(pl.String) < pl.col(id_column).replace_strict(left))
        day: date
        for day, ids in latest.group_by("day").agg(id_column).sort("day", descending=True).rows():
            chunk = pl.concat(LakeChunks([Partition(self.lake, table, day)], lambda *_: None))
            await self.pipeline.load([chunk.filter(pl.col("resource_id").is_in(ids))], table.name)

    def _recorded_days(self, table: str) -> Sequence[str]:
        return recorded_days(self.pipeline.ledger, table)

    def _recorded(self, table: str, day: str) -> Sequence[str]:
        return recorded_ids(self.pipeline.ledger, table, day)

    def _release(self, table: str, found: dict[str, str]) -> None:
        if found:
            self.candidates.setdefault(table, {}).update(found)
            resource_type = RENDERINGS[table].resource_type
            self.pipeline.released |= {f"{resource_type}/{resource_id}@{day}" for resource_id, day in found.items()}

    def _still_candidates(self, table: str) -> dict[str, str]:
        """Return those that nothing of this load has brought back."""
        found = self.candidates.get(table, {})
        days = {day: set(self._recorded(table, day)) for day in set(found.values())}
        return {resource_id: day for resource_id, day in found.items() if resource_id in days[day]}
