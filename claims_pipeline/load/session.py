"""One load: the ledger and its lock, the server and its marker, and the report at the end."""

import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from claims_pipeline.errors import ClaimsPipelineError, FhirError, Interrupted, ServerUnavailable
from claims_pipeline.load.event_loop import run_to_end, stopping_on_interrupt
from claims_pipeline.load.ledger.lock import holding_lock, is_held
from claims_pipeline.load.ledger.store import Ledger, open_existing_ledger, open_ledger
from claims_pipeline.load.options import DEFAULTS, LoadOptions, OnMismatch
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.rejections import DeadLetters
from claims_pipeline.load.progress import OnProgress, Progress, reporting, silent
from claims_pipeline.load.reconciling.compare import adopt, reset
from claims_pipeline.load.reconciling.marker import (
    mismatch,
    raise_generation,
    read_marker,
    require_belonging,
    takes_a_transaction,
)
from claims_pipeline.load.report import Latency, LoadReport
from claims_pipeline.load.sending.client import FhirClient, Traffic, connect
from claims_pipeline.load.sending.in_flight import InFlightLimit
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.load.tally import Tally
from claims_pipeline.settings import Settings

Work = Callable[[Pipeline], Awaitable[None]]


@dataclass(frozen=True)
class Session:
    """One load: its server, its ledger and its options.

    Attributes:
        settings: the server, the size of bundles, the most requests at once.
        ledger_path: `settings.ledger_path` if None.
        full: also send resources that the server already has.
        wait: wait until the server is ready, at most `settings.fhir_wait_seconds`, instead of failing at once.
        on_progress: called with the progress.
        options: see `LoadOptions`.
        traffic: counts of requests and answers so far.
        began: `time.monotonic()` at the start.
    """

    settings: Settings
    ledger_path: Path | None = None
    full: bool = False
    wait: bool = True
    on_progress: OnProgress = silent
    options: LoadOptions = DEFAULTS
    traffic: Traffic = field(default_factory=Traffic)
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """Yield the ledger, locked unless this is a dry run.

        A dry run that is to wait for other loaders does so first, and then refuses none.

        Raises:
            LedgerUnusable, LoaderLocked: as for `exclusive_ledger`.
        """
        if not self.options.is_dry_run:
            with self.exclusive_ledger(may_create=True) as ledger:
                yield ledger
            return
        if self.options.wait_for_lock:
            with self.exclusive_ledger(may_create=False):
                pass
        with open_existing_ledger(self._path) as ledger:
            yield ledger

    @property
    def _path(self) -> Path:
        return self.ledger_path or self.settings.ledger_path

    @contextmanager
    def exclusive_ledger(self, *, may_create: bool) -> Iterator[Ledger]:
        """Yield the ledger, locked.

        Args:
            may_create: create the ledger if there is none; otherwise yield an empty one that is not kept.

        Raises:
            LedgerUnusable: its file cannot be used.
            LoaderLocked: another loader writes with it.
        """
        with (
            (open_ledger if may_create else open_existing_ledger)(self._path) as ledger,
            holding_lock(ledger, wait=self.options.wait_for_lock, on_wait=self._report_waiting),
        ):
            yield ledger

    def _report_waiting(self) -> None:
        self.on_progress(Progress("waiting for another loader to end"))

    def check(self, ledger: Ledger) -> None:
        """Check that the server belongs to the ledger, before there is anything to send.

        Raises:
            LedgerMismatch: the server was wiped, restored or swapped since the last load.
            ServerUnavailable: the server did not answer in time.
            FhirError: the server denies access, or is not a FHIR R4 server.
        """

        async def check() -> None:
            async with connect(self.settings, self.traffic) as client:
                await self._require_belonging(ledger, client)

        run_to_end(check())

    def run(self, ledger: Ledger, source: str, work: Work, *, is_checked: bool = False) -> LoadReport:
        """Run `work` and return the report; `check` first, unless `is_checked`."""
        with _short_garbage_collections():
            return run_to_end(self._run(ledger, source, work, is_checked=is_checked))

    async def _run(self, ledger: Ledger, source: str, work: Work, *, is_checked: bool) -> LoadReport:
        async with connect(self.settings, self.traffic) as client:
            if not is_checked:
                await self._require_belonging(ledger, client)
            with ledger.as_it_is_now() if self.options.is_dry_run else nullcontext(ledger) as known:
                pipeline = Pipeline(
                    known,
                    sender_for(known, client, self.settings),
                    Tally(),
                    DeadLetters(known),
                    self.on_progress,
                    is_full=self.full,
                    is_dry_run=self.options.is_dry_run,
                )
                if pipeline.is_dry_run and is_held(known):
                    pipeline.remarks.append(_beside_a_load())
                with stopping_on_interrupt(pipeline.sender):
                    await _work_to_end(pipeline, work)
                    return _report(pipeline, source, time.monotonic() - self.began)

    async def _require_belonging(self, ledger: Ledger, client: FhirClient) -> None:
        try:
            async with reporting(self.on_progress, Progress(f"asking {client.base_url}")):
                marker = await read_marker(client, wait_seconds=0)
        except ServerUnavailable:
            if not self.wait:
                raise
            async with reporting(self.on_progress, Progress(f"waiting for {client.base_url}")):
                marker = await read_marker(client, wait_seconds=self.settings.fhir_wait_seconds)
        match OnMismatch.REFUSE if self.options.is_dry_run else self.options.on_mismatch:
            case OnMismatch.ADOPT:
                self.on_progress(Progress("comparing the ledger with the server"))
                await adopt(ledger, client, marker, workers=self.settings.workers)
            case OnMismatch.RESET:
                await reset(ledger, client, marker)
            case OnMismatch.REFUSE:
                if mismatch(ledger, marker, base_url=client.base_url):  # read again: a load may run beside a dry run
                    await require_belonging(ledger, client, wait_seconds=0)


def sender_for(ledger: Ledger, client: FhirClient, settings: Settings) -> Sender:
    """Return a sender to the server of `client`, which probes it with the ledger's marker."""
    return Sender(
        client,
        InFlightLimit(settings.workers),
        settings.fhir_patience_seconds,
        settings.batch_size,
        probe=partial(takes_a_transaction, ledger, client),
    )


@contextmanager
def _short_garbage_collections() -> Iterator[None]:
    """Exclude existing objects from garbage collection, which otherwise takes 10 % of the loader's CPU time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _work_to_end(pipeline: Pipeline, work: Work) -> None:
    """Do the work and what comes after it; an error of ours stops the sender, and is reported."""
    try:
        await work(pipeline)
    except ClaimsPipelineError as error:
        pipeline.is_cut_short = True
        pipeline.sender.stop(error)
    finally:
        if not pipeline.is_dry_run:
            pipeline.remarks += pipeline.dead_letters.close()
    await _close(pipeline)


def _beside_a_load() -> str:
    now = datetime.now(UTC)
    return f"another loader writes with this ledger: what it records after {now:%H:%M:%S} UTC still counts as to send"


async def _close(pipeline: Pipeline) -> None:
    """Raise the generation again: a backup made while this load was sending is then older than the ledger."""
    if pipeline.sending_since is None or isinstance(pipeline.sender.stopped, FhirError):
        return
    with suppress(ClaimsPipelineError):  # everything is recorded; only such a backup would not be recognised
        await raise_generation(pipeline.ledger, pipeline.sender.client)


def _report(pipeline: Pipeline, source: str, seconds: float) -> LoadReport:
    sender, traffic = pipeline.sender, pipeline.sender.client.traffic
    sending = pipeline.last_answer - pipeline.sending_since if pipeline.sending_since else 0.0
    return LoadReport(
        source=source,
        server=sender.client.base_url,
        by_type=pipeline.tally.by_type(),
        by_day=pipeline.tally.by_day(),
        vanished=dict(pipeline.tally.vanished),
        vanished_failed=pipeline.tally.vanished_failed,
        requests=traffic.requests,
        requests_with_resources=traffic.requests_with_resources,
        retries=traffic.retries,
        sent_bytes=traffic.sent_bytes,
        seconds=round(seconds, 3),
        sending_seconds=round(sending, 3),
        latency=Latency.of(traffic.latencies),
        status_codes=traffic.status_codes,
        in_flight=sender.limit.history if pipeline.sending_since else (),
        failures=pipeline.tally.failures,
        would_send=pipeline.tally.would_send,
        remarks=tuple(pipeline.remarks),
        stopped=pipeline.ended_by,
        interrupted=sender.stopped if isinstance(sender.stopped, Interrupted) else None,
        is_dry_run=pipeline.is_dry_run,
    )
