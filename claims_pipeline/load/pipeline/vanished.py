"""Resources that their last partition no longer holds.

If an older partition of the lake still holds one, that version is sent. If none does, it has vanished: it is kept on
the server, marked entered-in-error (Claim and Coverage), or deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

import polars as pl
import sqlalchemy as sa

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS, TIERS
from claims_pipeline.fhir.canonical import decode, encode
from claims_pipeline.lake import Lake
from claims_pipeline.load.ledger.store import execute_many
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.options import Vanished
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.reconciling.reads import Stored, stored
from claims_pipeline.load.removing.removal import delete
from claims_pipeline.load.resource import LOADED, Resource, Result
from claims_pipeline.load.sending.pack import bundles
from claims_pipeline.load.sources import Partition
from claims_pipeline.load.sources.lake import DAILY, DIRECTORY
from claims_pipeline.load.sources.lake_chunks import LakeChunks, as_of

CAN_BE_ENTERED_IN_ERROR = frozenset({"Claim", "Coverage"})
IN_ERROR = "entered-in-error"


@dataclass
class Vanishing:
    """Finds, while partitions are read, what they held when they were last loaded and hold no more.

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
        present = set(frame[RENDERINGS[partition.table.name].id_column].to_list())
        self._release(table, {i: as_of(partition) for i in known if i not in present})

    async def send_older_versions(self, table: schema.Table) -> None:
        """Send, of each id that its last partition no longer holds, the latest version that the lake still has."""
        left = self._still_candidates(table.name)
        self.candidates[table.name] = left
        if not left or not table.is_daily:
            return
        id_column = RENDERINGS[table.name].id_column
        rows = self.lake.scan(table).select(id_column, "day").filter(pl.col(id_column).is_in(list(left)))
        latest = rows.group_by(id_column).agg(pl.col("day").max()).collect()
        by_day = latest.group_by("day").agg(id_column)
        day: date
        for day, ids in by_day.sort("day", descending=True).rows():
            chunk = pl.concat(LakeChunks([Partition(self.lake, table, day)], lambda *_: None))
            await self.pipeline.load([chunk.filter(pl.col("resource_id").is_in(ids))], table.name)
        self.candidates[table.name] = self._still_candidates(table.name)

    async def settle_lost_days(self, table: schema.Table) -> None:
        """Treat the days that the lake no longer has as partitions that hold nothing."""
        present = {day.isoformat() for day in self.lake.days(table)}
        lost = [day for day in self._recorded_days(table.name) if day and day not in present]
        for day in lost:
            self._release(table.name, dict.fromkeys(self._recorded(table.name, day), day))
        if lost:
            self.pipeline.ledger.forget_partitions([f"{table.name}/{day}" for day in lost])
            await self.send_older_versions(table)

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


async def settle_vanished(pipeline: Pipeline, vanishing: Vanishing, what: Vanished) -> None:
    """Do what was asked for about everything that has vanished, now or at an earlier load that kept it."""
    if pipeline.is_dry_run:
        return
    _remember(pipeline, vanishing)
    vanished = _vanished(pipeline)
    if what is Vanished.KEEP or not vanished:
        pipeline.tally.vanished.update({f"{resource_type} kept": len(ids) for resource_type, ids in vanished.items()})
        return
    await pipeline.open()
    for resource_type in filter(vanished.get, reversed(TIERS)):
        ids = vanished[resource_type]
        if what is Vanished.DELETE:
            deleted = await delete(pipeline.ledger, pipeline.sender, [(resource_type, i) for i in ids])
            pipeline.tally.vanished[f"{resource_type} deleted"] += deleted.done
            pipeline.tally.add_failures(deleted.failures)
        elif resource_type in CAN_BE_ENTERED_IN_ERROR:
            await _withdraw(pipeline, resource_type, ids)
        else:
            pipeline.tally.vanished[f"{resource_type} kept"] += len(ids)


def _remember(pipeline: Pipeline, vanishing: Vanishing) -> None:
    rows = [
        ("vanished", RENDERINGS[table.name].resource_type, resource_id)
        for table in (*DIRECTORY, *DAILY)
        for resource_id in vanishing.candidates.get(table.name, {})
    ]
    with pipeline.ledger.writing() as connection:
        execute_many(connection, _SET_STATE, rows)


def _vanished(pipeline: Pipeline) -> dict[str, list[str]]:
    query = sa.select(RESOURCES.c.resource_type, RESOURCES.c.resource_id).where(RESOURCES.c.state == "vanished")
    found: dict[str, list[str]] = {}
    with pipeline.ledger.reading() as connection:
        for row in connection.execute(query):
            found.setdefault(row.resource_type, []).append(row.resource_id)
    return found


async def _withdraw(pipeline: Pipeline, resource_type: str, ids: Sequence[str]) -> None:
    """Send what the server holds with the status entered-in-error."""
    held = await stored(pipeline.sender.client, resource_type, ids)
    for part in bundles([_in_error(found) for found in held.values()], pipeline.sender.largest):
        results: list[Result] = []

        async def collect(settled: Sequence[Result], into: list[Result] = results) -> None:
            into.extend(settled)

        await pipeline.sender.deliver(part, collect)
        done = [result for result in results if result.outcome in LOADED]
        rows = [
            (
                "withdrawn",
                r.resource.content_hash,
                r.version_id or None,
                "",
                r.resource.resource_type,
                r.resource.resource_id,
            )
            for r in done
        ]
        with pipeline.ledger.writing() as connection:
            execute_many(connection, _SET_WITHDRAWN, rows)
        pipeline.tally.vanished[f"{resource_type} entered in error"] += len(done)
        pipeline.tally.add_failures(result for result in results if result.outcome not in LOADED)


def _in_error(found: Stored) -> Resource:
    resource, _ = decode(found.body)
    body = encode(resource | {"status": IN_ERROR})
    return Resource(found.resource_type, found.resource_id, sha256(body.encode()).hexdigest(), "", IN_ERROR, body, [])


_SET_STATE = (
    sa.update(RESOURCES)
    .values(state=sa.bindparam("new_state"))
    .where(RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
)
_SET_WITHDRAWN = (
    sa.update(RESOURCES)
    .values(
        state=sa.bindparam("new_state"),
        content_hash=sa.bindparam("new_hash"),
        version_id=sa.bindparam("new_version"),
        as_of=sa.bindparam("new_day"),
    )
    .where(RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
)
