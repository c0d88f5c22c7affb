"""`load_lake` and `load_files`: bring a FHIR server to what a lake or files hold.

Longer than other modules: what both share (`Session`: the ledger and its lock, the server and its marker, the report
at the end) is read together with them.
"""

import gc
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path

from claims_pipeline.errors import ClaimsPipelineError, ConfigError, DataError, FeedMismatch, FhirError
from claims_pipeline.fhir import TIERS
from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.load.account import Tally
from claims_pipeline.load.dead_letters import DeadLetters, take_over
from claims_pipeline.load.event_loop import in_thread, require_no_event_loop, run_to_end
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.options import DEFAULTS, LoadOptions, OnMismatch
from claims_pipeline.load.pipeline.files import load_read_files
from claims_pipeline.load.pipeline.lake import load_days
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.reconciling.compare import adopt, reset
from claims_pipeline.load.reconciling.marker import mismatch, raise_generation, read_marker, takes_a_transaction
from claims_pipeline.load.report import Latency, LoadReport
from claims_pipeline.load.sending.client import FhirClient, Traffic, connect
from claims_pipeline.load.sending.interrupt import stopping_on_interrupt
from claims_pipeline.load.sending.limits import InFlightLimit
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.load.sources import read_files
from claims_pipeline.load.sources.elements import require_known_types
from claims_pipeline.load.sources.inputs import inputs
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings

Work = Callable[[Pipeline], Awaitable[None]]


def load_lake(
    lake: Lake,
    settings: Settings,
    *,
    days: Sequence[date] | None = None,
    full: bool = False,
    ledger_path: Path | None = None,
    wait: bool = True,
    on_progress: OnProgress = silent,
    options: LoadOptions = DEFAULTS,
) -> LoadReport:
    """Bring a FHIR server to what the lake holds, by sending only what it does not have yet.

    Args:
        lake: the partitions.
        settings: the server, the size of bundles, the most requests at once.
        days: partitions to look at; None for all that the lake has. The directory is always looked at.
        full: send everything, also what the server has already.
        ledger_path: what the server holds; `settings.ledger_path` if None.
        wait: wait until the server is ready, at most `settings.fhir_wait_seconds`, instead of failing at once.
        on_progress: told where the load is.
        options: see `LoadOptions`.

    Returns:
        The report; it also says what was rejected, what failed, and what stopped the load if something did while it
        ran: the server, a signal, a file of the lake that cannot be read.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `load_lake_async`; or `options` name an
            unknown resource type, none of a lake's, or a prefix of ids.
        DataError: there is no lake, or not all of `days` in it.
        FeedMismatch: the ledger knows another feed, whose ids would collide with this one's.
        LedgerUnusable: the ledger's file cannot be used.
        LoaderLocked: another loader writes with this ledger.
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        ServerUnavailable: the server did not answer in time.
        FhirError: the server refuses us, or is not a FHIR R4 server.
    """
    require_no_event_loop("load_lake")
    _require_options_of_a_lake(options)
    feed = _require_lake(lake)
    chosen = _require_days(lake, days)
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.exclusive_ledger() as ledger:
        require_feed(ledger, feed, options)

        async def work(pipeline: Pipeline) -> None:
            if not options.is_dry_run:  # only now: a load that did not reach its server changes nothing
                ledger.remember(feed=feed.model_dump_json())
            await load_days(pipeline, lake, chosen, options)

        return session.run(ledger, str(lake.root), work)


def load_files(
    paths: Sequence[str],
    settings: Settings,
    *,
    full: bool = False,
    ledger_path: Path | None = None,
    wait: bool = True,
    on_progress: OnProgress = silent,
    options: LoadOptions = DEFAULTS,
) -> LoadReport:
    """Bring a FHIR server to what FHIR R4 files hold, by sending only what it does not have yet.

    Args:
        paths: files, archives, folders of files, or "-" for standard input: NDJSON, Bundles, .gz of either.
        settings: as for `load_lake`.
        full: as for `load_lake`.
        ledger_path: as for `load_lake`.
        wait: as for `load_lake`.
        on_progress: as for `load_lake`.
        options: as for `load_lake`; what concerns partitions has no effect.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `load_files_async`; or a resource type
            in `options` is none of FHIR R4.
        DataError: a path does not exist, a folder holds no FHIR file, or the disk is full.
        LedgerUnusable, LoaderLocked, LedgerMismatch, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("load_files")
    require_known_types(options.types | options.exclude)
    inputs(paths)  # what is not there is said before anything is waited for
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.exclusive_ledger() as ledger:
        session.check(ledger)  # before minutes of reading, not after

        def on_read(count: int) -> None:
            on_progress(Progress("reading", settled=count))

        spool, base = _empty_spool(settings, ledger), settings.fhir_base_url
        with read_files(paths, spool, on_read, server_base=base, options=options) as resources:
            source = " ".join(paths)
            return session.run(
                ledger, source, lambda run: load_read_files(run, resources, paths, options), is_checked=True
            )


load_lake_async = in_thread(load_lake)
load_files_async = in_thread(load_files)


@dataclass(frozen=True)
class Session:
    """One load: where to, and how.

    Attributes:
        settings: the server, the size of bundles, the most requests at once.
        ledger_path: `settings.ledger_path` if None.
        full: send everything, also what the server has already.
        wait: wait until the server is ready, at most `settings.fhir_wait_seconds`, instead of failing at once.
        on_progress: told where the load is.
        options: see `LoadOptions`.
        traffic: what went over the wire so far.
        began: when, on the monotonic clock.
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
    def exclusive_ledger(self) -> Iterator[Ledger]:
        """Yield the ledger, locked.

        Raises:
            LedgerUnusable: its file cannot be used.
            LoaderLocked: another loader writes with it.
        """
        path = self.ledger_path or self.settings.ledger_path
        with (
            open_ledger(path) as ledger,
            holding_lock(ledger, wait=self.options.wait_for_lock, on_wait=self._tell_locked),
        ):
            yield ledger

    def _tell_locked(self) -> None:
        self.on_progress(Progress("waiting for another loader to end"))

    def check(self, ledger: Ledger) -> None:
        """Check that the server belongs to the ledger, before there is anything to send.

        Raises:
            LedgerMismatch: the server was wiped, restored or swapped since the last load.
            ServerUnavailable: the server did not answer in time.
            FhirError: the server refuses us, or is not a FHIR R4 server.
        """

        async def check() -> None:
            async with connect(self.settings, self.traffic) as client:
                await self._require_belonging(ledger, client)

        run_to_end(check())

    def run(self, ledger: Ledger, source: str, work: Work, *, is_checked: bool = False) -> LoadReport:
        """Load with `work`, after `check` unless that was done."""
        with _short_garbage_collections():
            return run_to_end(self._run(ledger, source, work, is_checked=is_checked))

    async def _run(self, ledger: Ledger, source: str, work: Work, *, is_checked: bool) -> LoadReport:
        async with connect(self.settings, self.traffic) as client:
            if not is_checked:
                await self._require_belonging(ledger, client)
            limit = InFlightLimit(self.settings.workers)
            sender = Sender(client, limit, self.settings.fhir_patience_seconds, self.settings.batch_size)
            sender.probe = partial(takes_a_transaction, ledger, client)
            pipeline = Pipeline(
                ledger,
                sender,
                Tally(),
                DeadLetters(ledger),
                self.on_progress,
                is_full=self.full,
                is_dry_run=self.options.is_dry_run,
            )
            try:
                with stopping_on_interrupt(sender):
                    if not pipeline.is_dry_run:
                        pipeline.remarks += take_over(self.settings.dead_letters_path, ledger)
                    await work(pipeline)
            except ClaimsPipelineError as error:
                sender.stop(error)
            finally:
                if not pipeline.is_dry_run:
                    pipeline.remarks += pipeline.dead_letters.close()
            await _close(pipeline)
            return _report(pipeline, source, time.monotonic() - self.began)

    async def _require_belonging(self, ledger: Ledger, client: FhirClient) -> None:
        self.on_progress(Progress(f"{'waiting for' if self.wait else 'asking'} {client.base_url}"))
        marker = await read_marker(client, wait_seconds=self.settings.fhir_wait_seconds if self.wait else 0)
        match OnMismatch.REFUSE if self.options.is_dry_run else self.options.on_mismatch:
            case OnMismatch.ADOPT:
                self.on_progress(Progress("comparing the ledger with the server"))
                await adopt(ledger, client, marker, workers=self.settings.workers)
            case OnMismatch.RESET:
                await reset(ledger, client, marker)
            case OnMismatch.REFUSE:
                if problem := mismatch(ledger, marker, base_url=client.base_url):
                    raise problem


@contextmanager
def _short_garbage_collections() -> Iterator[None]:
    """Let the collector leave alone what is there already: to look through it again and again is 10 % of our CPU."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _close(pipeline: Pipeline) -> None:
    """Raise the generation once more, so that a backup made while this load was sending counts as older than it."""
    if pipeline.sending_since is None or isinstance(pipeline.sender.stopped, FhirError):
        return
    with suppress(ClaimsPipelineError):  # all is recorded; without this, such a backup is not told from a later one
        await raise_generation(pipeline.ledger, pipeline.sender.client)


def require_feed(ledger: Ledger, feed: Feed, options: LoadOptions) -> None:
    """Check that the ledger belongs to the feed: two feeds use the same ids for different claims.

    Raises:
        FeedMismatch: the ledger knows another feed.
    """
    stored = ledger.info().get("feed")
    known = Feed.model_validate_json(stored) if stored else feed
    differences = feed.differences(known, theirs_are="the ledger has")
    if differences and options.on_mismatch is not OnMismatch.RESET:
        raise FeedMismatch(
            f"the ledger knows another feed ({differences[0]}{', and more' if len(differences) > 1 else ''})",
            where=str(ledger.path),
            fix="load it into another server with another ledger (--hash-file), or forget the old one: --reset",
        )


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
        stopped=sender.stopped,
        is_dry_run=pipeline.is_dry_run,
    )


def _empty_spool(settings: Settings, ledger: Ledger) -> Path:
    """Return where to spool, without what a loader that was killed has left: who holds the ledger's lock is alone."""
    folder = settings.home / "spool" / sha256(str(ledger.path.absolute()).encode()).hexdigest()[:16]
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _require_options_of_a_lake(options: LoadOptions) -> None:
    require_known_types(options.types | options.exclude)
    if options.id_prefix:
        raise ConfigError("--id-prefix is for files: the ids of a lake are its own, and never of digits only")
    if not any(map(options.wants, TIERS)):
        raise ConfigError("--types and --exclude leave nothing of the lake", fix=f"--types {','.join(TIERS)}")


def _require_lake(lake: Lake) -> Feed:
    feed = read_feed(lake.root)
    if feed is None:
        raise DataError("there is no lake here", where=str(lake.root), fix="claims generate, or name the lake's folder")
    return feed


def _require_days(lake: Lake, days: Sequence[date] | None) -> list[date] | None:
    if days is None:
        return None
    available = lake.days(CLAIMS)
    if absent := sorted(set(days) - set(available)):
        shown = ", ".join(map(str, absent[:3])) + (", ..." if len(absent) > 3 else "")
        has = f"it has {available[0]} to {available[-1]}" if available else "it has none"
        raise DataError(f"the lake has no partition of {shown}; {has}", where=str(lake.root), fix="claims generate")
    return list(days)
