"""`load_lake`: the lake's partitions into a FHIR server, changed resources only."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from claims_pipeline.errors import DataError, FeedMismatch
from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.load.client import connect
from claims_pipeline.load.interrupt import stopping_on_interrupt
from claims_pipeline.load.lake_chunks import LakeChunks, as_of, resource_type
from claims_pipeline.load.ledger import Ledger, open_ledger
from claims_pipeline.load.limits import InFlightLimit
from claims_pipeline.load.lock import holding_lock
from claims_pipeline.load.marker import mismatch, read_marker
from claims_pipeline.load.pipeline import Pipeline
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.report import Latency, LoadReport
from claims_pipeline.load.send import Sender
from claims_pipeline.load.sources import Partition, partitions
from claims_pipeline.load.tally import Tally
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings


@dataclass(frozen=True)
class LoadOptions:
    """What is asked for less often.

    Attributes:
        is_dry_run: say what would be sent, and send nothing.
        wait_for_lock: wait until another loader is done, instead of failing.
    """

    is_dry_run: bool = False
    wait_for_lock: bool = False


DEFAULTS = LoadOptions()


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
        The report; it also says what was rejected, what failed, and why the load ended early if it did.

    Raises:
        DataError: there is no lake, or a file of it cannot be loaded.
        FeedMismatch: the ledger knows another feed, whose ids would collide with this one's.
        LoaderLocked: another loader writes with this ledger.
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        ServerUnavailable: the server did not answer in time.
        FhirError: the server refuses us, or is not a FHIR R4 server.
    """
    feed = _require_lake(lake)
    chosen = _days(lake, days)
    with _exclusive_ledger(ledger_path or settings.ledger_path, wait_for_lock=options.wait_for_lock) as ledger:
        _require_feed(ledger, feed)
        return asyncio.run(
            _load(lake, chosen, Run(ledger, settings, on_progress, full, wait, options.is_dry_run, feed))
        )


@dataclass(frozen=True)
class Run:
    """What one load was asked for."""

    ledger: Ledger
    settings: Settings
    on_progress: OnProgress
    is_full: bool
    wait: bool
    is_dry_run: bool
    feed: Feed


async def _load(lake: Lake, days: Sequence[date], run: Run) -> LoadReport:
    began = time.monotonic()
    async with connect(run.settings) as client:
        run.on_progress(Progress(f"waiting for {client.base_url}"))
        marker = await read_marker(client, wait_seconds=run.settings.fhir_wait_seconds if run.wait else 0)
        if problem := mismatch(run.ledger, marker, base_url=client.base_url):
            raise problem
        limit = InFlightLimit(run.settings.workers)
        sender = Sender(client, limit, run.settings.fhir_patience_seconds, run.settings.batch_size)
        pipeline = Pipeline(
            run.ledger, sender, Tally(), run.on_progress, is_full=run.is_full, is_dry_run=run.is_dry_run
        )
        with stopping_on_interrupt(sender):
            await _load_partitions(pipeline, partitions(lake, days))
        return _report(pipeline, str(lake.root), time.monotonic() - began, run)


async def _load_partitions(pipeline: Pipeline, candidates: Sequence[Partition]) -> None:
    known = pipeline.ledger.partitions()
    digests = {partition.name: partition.digest() for partition in candidates}
    changed = []
    for partition in candidates:
        digest, row_count = known.get(partition.name, ("", 0))
        if digest == digests[partition.name] and not pipeline.is_full:
            pipeline.tally.add_partition(resource_type(partition), as_of(partition), row_count)
        else:
            changed.append(partition)
    for table, group in _by_table(changed):
        chunks = LakeChunks(group, {})
        await pipeline.load(chunks, table)
        if pipeline.sender.stopped is not None:
            return
        complete = [
            (partition.name, digests[partition.name], chunks.row_counts[partition.name])
            for partition in group
            if partition.name not in pipeline.tally.incomplete
        ]
        if not pipeline.is_dry_run:
            pipeline.ledger.record_partitions(complete)


def _by_table(candidates: Iterable[Partition]) -> Iterator[tuple[str, list[Partition]]]:
    for table, group in groupby(candidates, key=lambda partition: partition.table.name):
        yield table, list(group)


def _report(pipeline: Pipeline, source: str, seconds: float, run: Run) -> LoadReport:
    traffic, sender = pipeline.sender.client.traffic, pipeline.sender
    return LoadReport(
        source=source,
        server=sender.client.base_url,
        by_type=pipeline.tally.by_type(),
        by_day=pipeline.tally.by_day(),
        requests=traffic.requests,
        requests_with_resources=traffic.requests_with_resources,
        retries=traffic.retries,
        sent_bytes=traffic.sent_bytes,
        seconds=round(seconds, 3),
        sending_seconds=round(pipeline.last_answer - pipeline.sending_since, 3) if pipeline.sending_since else 0.0,
        latency=Latency.of(traffic.latencies),
        status_codes=traffic.status_codes,
        in_flight=sender.limit.history if pipeline.sending_since else (),
        failures=pipeline.tally.failures,
        stopped=sender.stopped,
        is_dry_run=run.is_dry_run,
    )


@contextmanager
def _exclusive_ledger(path: Path, *, wait_for_lock: bool) -> Iterator[Ledger]:
    with open_ledger(path) as ledger, holding_lock(ledger, wait=wait_for_lock):
        yield ledger


def _require_lake(lake: Lake) -> Feed:
    feed = read_feed(lake.root)
    if feed is None:
        raise DataError("there is no lake here", where=str(lake.root), fix="claims generate, or name the lake's folder")
    return feed


def _days(lake: Lake, days: Sequence[date] | None) -> list[date]:
    available = lake.days(CLAIMS)
    if days is None:
        return available
    if absent := sorted(set(days) - set(available)):
        shown = ", ".join(map(str, absent[:3])) + (", ..." if len(absent) > 3 else "")
        has = f"it has {available[0]} to {available[-1]}" if available else "it has none"
        raise DataError(f"the lake has no partition of {shown}; {has}", where=str(lake.root), fix="claims generate")
    return list(days)


def _require_feed(ledger: Ledger, feed: Feed) -> None:
    """Bind the ledger to the feed: ids of two feeds are the same and mean other claims."""
    stored = ledger.info().get("feed")
    if stored is None:
        ledger.remember(feed=feed.model_dump_json())
    elif differences := feed.differences(Feed.model_validate_json(stored)):
        raise FeedMismatch(
            f"the ledger knows another feed ({'; '.join(differences)})",
            where=str(ledger.path),
            fix="load it into another server with another ledger (--hash-file), or forget the old one: --reset",
        )
