"""Finds, while partitions are read, what they held when they were last loaded and hold no more.

Such a resource goes back to the version of an older partition, if the lake has one; else it has vanished.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import sqlalchemy as sa

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.lake import Lake
from claims_pipeline.load.ledger.store import execute_many
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.sources import Partition
from claims_pipeline.load.sources.lake_chunks import LakeChunks, as_of


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
        with self.pipeline.ledger.writing() as connection:
            execute_many(connection, _FORGET_IF_NOT_HELD, keys)
            execute_many(connection, _MARK_AS_VANISHED, keys)

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
        """Return how many candidates of a type there are: those of a dry run, which marks none."""
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
        query = sa.select(RESOURCES.c.as_of).where(RESOURCES.c.origin == table).distinct()
        with self.pipeline.ledger.reading() as connection:
            days: Sequence[str] = connection.execute(query).scalars().all()
        return days

    def _recorded(self, table: str, day: str) -> Sequence[str]:
        query = sa.select(RESOURCES.c.resource_id).where(
            RESOURCES.c.origin == table, RESOURCES.c.as_of == day, RESOURCES.c.state.not_in(("vanished", "withdrawn"))
        )
        with self.pipeline.ledger.reading() as connection:
            ids: Sequence[str] = connection.execute(query).scalars().all()
        return ids

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


_OF_KEY = (RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
_FORGET_IF_NOT_HELD = sa.delete(RESOURCES).where(*_OF_KEY, RESOURCES.c.content_hash.is_(None))
_MARK_AS_VANISHED = sa.update(RESOURCES).values(state=sa.literal_column("'vanished'")).where(*_OF_KEY)
