"""Loads chunks of resources: compare, check references, pack, send, record; with bounded memory.

While bundles are in flight, the next chunk is read and compared in a thread. A chunk holds one group of
resources; what refers to them is in a later group, which starts when this one is settled.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from claims_pipeline.errors import ClaimsPipelineError, FhirError, Interrupted
from claims_pipeline.load.ledger.diff import Delta, Unknown, diff, unknown_targets
from claims_pipeline.load.ledger.settling import settle, touch
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.pipeline.missing import (
    ServerContents,
    results_of_lacking,
    results_of_unknown_types,
    split_by_missing,
)
from claims_pipeline.load.pipeline.rejections import DeadLetters
from claims_pipeline.load.pipeline.relabelling import Relabelling
from claims_pipeline.load.pipeline.underway import Underway, keys_underway, unsettled
from claims_pipeline.load.progress import REPORT_SECONDS, OnProgress, Pace, Progress
from claims_pipeline.load.reconciling.marker import raise_generation
from claims_pipeline.load.resource import CHUNK_SCHEMA, KEY, LOADED, Resource, Result, resources_of
from claims_pipeline.load.sending.bundles import bundles
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.load.tally import Tally

_CHUNK_COLUMNS = [name for name in Resource._fields if name in CHUNK_SCHEMA]


@dataclass(frozen=True)
class Plan:
    """A chunk compared with the ledger.

    Attributes:
        chunk: what was read.
        delta: the rows that the server lacks, and the others.
        unknown: targets that the ledger does not know to be on the server.
    """

    chunk: pl.DataFrame
    delta: Delta
    unknown: dict[str, Unknown]


@dataclass
class Pipeline:
    """The state of one load, and its steps.

    Attributes:
        total: resources of the load, for the progress.
        released: "Type/id@day" that the partition of that day held when it was last loaded, and no longer holds.
        feed: feed of which the files that are loaded are an export, None if it is not known.
        remarks: notes for the user; nothing is lost.
        is_cut_short: something of the source is left to send, or to withdraw.
        sending_since: when the first bundle was sent, None before.
        last_answer: when the last bundle was settled.
    """

    ledger: Ledger
    sender: Sender
    tally: Tally
    dead_letters: DeadLetters
    on_progress: OnProgress
    is_full: bool = False
    is_dry_run: bool = False
    total: int = 0
    released: frozenset[str] = frozenset()
    feed: str | None = None
    remarks: list[str] = field(default_factory=list)
    is_cut_short: bool = False
    sending_since: float | None = None
    last_answer: float = 0.0
    _underway: list[Underway] = field(default_factory=list)
    _relabelling: Relabelling = field(default_factory=Relabelling)
    _claims: int = 0
    _loaded: int = 0
    _bundles: int = 0
    _stage: str = ""
    _pace: Pace = field(default_factory=Pace)
    _contents: ServerContents = field(init=False)

    def __post_init__(self) -> None:
        self._contents = ServerContents(self.ledger, self.sender.client)

    @property
    def ended_by(self) -> ClaimsPipelineError | None:
        """What ends the load early; None for a signal that came when there was nothing left to send."""
        reason = self.sender.stopped
        is_something_left = self.is_cut_short or self.tally.failed or self.tally.vanished_failed
        return None if isinstance(reason, Interrupted) and not is_something_left else reason

    async def load(self, chunks: Iterable[pl.DataFrame], origin: str) -> None:
        """Load chunks (columns of `resource.CHUNK_SCHEMA`) of resources that do not refer to later ones.

        Returns when each of them has a result. `origin` is the lake's table, or "files".
        """
        self._stage = origin
        self._underway = []
        self.sender.limit.expect_other_latency()
        reporting = asyncio.create_task(self._keep_reporting())
        try:
            async with asyncio.TaskGroup() as sending:
                try:
                    await self._send_all(iter(chunks), origin, sending)
                except ClaimsPipelineError as error:  # requests in flight may end
                    self.is_cut_short = True
                    self.sender.stop(error)
        finally:
            reporting.cancel()
        if not isinstance(self.sender.stopped, FhirError):
            self.remarks += await self._relabelling.take_off(self.sender.client)

    async def _send_all(self, chunks: Iterator[pl.DataFrame], origin: str, sending: asyncio.TaskGroup) -> None:
        plan = await asyncio.to_thread(self._plan_next, chunks)
        while plan is not None and self.sender.stopped is None:
            to_send = await self._account(plan, origin)
            underway = Underway.of(to_send)
            self._underway = [*unsettled(self._underway), underway]
            following = asyncio.create_task(asyncio.to_thread(self._plan_next, chunks))
            await self._send(to_send, underway, origin, sending)
            plan = await following  # if the sender has stopped, this chunk is not counted as read, and nothing is lost
        self.is_cut_short |= plan is not None

    def _plan_next(self, chunks: Iterator[pl.DataFrame]) -> Plan | None:
        chunk = next(chunks, None)
        if chunk is None:
            return None
        delta = self._diff(chunk, self._stage)
        unknown = {} if self.is_dry_run or delta.to_send.is_empty() else unknown_targets(self.ledger, delta.to_send)
        return Plan(chunk, delta, unknown)

    def _diff(self, chunk: pl.DataFrame, origin: str) -> Delta:
        return diff(
            self.ledger,
            chunk,
            in_flight=keys_underway(self._underway),
            released=self.released,
            full=self.is_full,
            origin=origin,
        )

    async def _account(self, plan: Plan, origin: str) -> pl.DataFrame:
        """Count resources that are not sent, and return the others; everything that can fail comes before counting."""
        delta = plan.delta
        self._relabelling.expect(delta.known_labels)
        missing = await self._contents.why_missing(plan.unknown, failed=self.tally.failed)
        if not self.is_dry_run:
            touch(self.ledger, delta.to_touch, origin, self.feed)
        self.tally.add_read(plan.chunk)
        self.tally.add_rows(delta.unchanged, "unchanged")
        self.tally.add_rows(delta.superseded, "superseded")
        self.tally.add_still_rejected(delta.still_rejected)
        to_send, of_unknown_types = await self._contents.split_by_type(delta.to_send)
        self._settle_unsent(results_of_unknown_types(of_unknown_types, origin), origin)
        may_go, lacking = split_by_missing(to_send, missing)
        results = results_of_lacking(lacking, origin, missing, failed=self.tally.failed)
        self._record(results, origin)
        self._report()
        return may_go

    async def name_unknown_types(self, numbers: Mapping[str, int]) -> None:
        """Report, before anything is sent, which of the resource types (type -> resources) the server does not have."""
        for remark in await self._contents.remarks_on_types(numbers):
            self.remarks.append(remark)
            self.on_progress(Progress(remark))

    def _settle_unsent(self, results: Sequence[Result], origin: str) -> None:
        """Count and record what is not sent; a dry run counts only."""
        if self.is_dry_run:
            self.tally.add_results(results)
        else:
            self._record(results, origin)

    async def _send(self, to_send: pl.DataFrame, underway: Underway, origin: str, sending: asyncio.TaskGroup) -> None:
        resources = resources_of(to_send, origin)
        if self.is_dry_run:
            self.tally.add_results(Result(resource, "to_send") for resource in resources)
            return
        if to_send.height:
            await self.open()
        for bundle in bundles(resources, self.sender.largest):
            await self.sender.limit.acquire()
            self._bundles += 1
            sending.create_task(self._deliver(bundle, underway, origin, self._bundles))

    def reject(self, results: Sequence[Result], origin: str) -> None:
        """Count and record what was read and cannot be sent, unless the ledger knows a later version."""
        rows = [result.resource[: len(_CHUNK_COLUMNS)] for result in results]
        chunk = pl.DataFrame(rows, schema={name: CHUNK_SCHEMA[name] for name in _CHUNK_COLUMNS}, orient="row")
        delta = self._diff(chunk, origin)
        self.tally.add_read(chunk)
        self.tally.add_rows(delta.superseded, "superseded")
        self.tally.add_still_rejected(delta.still_rejected)
        new = set(delta.to_send.select(*KEY, "content_hash").rows())
        rejected = [result for result in results if result.resource[:3] in new]
        self._settle_unsent(rejected, origin)

    async def open(self) -> None:
        """Raise the marker's generation, once, before the first write."""
        if self.sending_since is not None:
            return
        self.sending_since = self.last_answer = time.monotonic()
        try:
            await raise_generation(self.ledger, self.sender.client)
        except ClaimsPipelineError as error:
            self.sender.stop(error)

    async def _deliver(self, resources: Sequence[Resource], underway: Underway, origin: str, number: int) -> None:
        async def on_results(results: Sequence[Result]) -> None:
            self.last_answer = time.monotonic()
            self._record(results, origin, bundle=str(number))
            self._relabelling.note(results)
            underway.unsettled -= len(results)
            self._report()

        try:
            await self.sender.deliver(resources, on_results)
        finally:
            await self.sender.limit.release()

    def _record(self, results: Sequence[Result], origin: str, *, bundle: str = "") -> None:
        """Write dead letters and ledger, then count; what cannot be written counts as failed."""
        try:
            self.dead_letters.add(results, origin, bundle=bundle)
            settle(self.ledger, results, origin, self.feed)
        except ClaimsPipelineError as error:
            self.sender.stop(error)
            results = [result._replace(outcome="failed", text=error.message) for result in results]
        self.tally.add_results(results)
        loaded = [result.resource.resource_type for result in results if result.outcome in LOADED]
        self._claims += loaded.count("Claim")
        self._loaded += len(loaded)

    async def _keep_reporting(self) -> None:
        while True:
            self._report()
            await asyncio.sleep(REPORT_SECONDS)

    def _report(self) -> None:
        progress = self._pace.progress(
            self._stage,
            settled=self.tally.settled,
            total=self.total,
            claims=self._claims,
            resources=self._loaded,
            in_flight=self.sender.limit.in_flight,
            retries=self.sender.client.traffic.retries,
        )
        self.on_progress(progress)
