"""`load_lake` and `load_files`: bring a FHIR server to what a lake or files hold."""

import shutil
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path

from claims_pipeline.errors import DataError
from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.pipeline.files import load_read_files
from claims_pipeline.load.pipeline.lake import load_days
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.report import LoadReport
from claims_pipeline.load.session import Session, require_feed
from claims_pipeline.load.sources import read_files
from claims_pipeline.load.sources.inputs import inputs
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings


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
        DataError: there is no lake, or not all of `days` in it.
        FeedMismatch: the ledger knows another feed, whose ids would collide with this one's.
        LedgerUnusable: the ledger's file cannot be used.
        LoaderLocked: another loader writes with this ledger.
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        ServerUnavailable: the server did not answer in time.
        FhirError: the server refuses us, or is not a FHIR R4 server.
    """
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
        paths: files, folders of them, or "-" for standard input: NDJSON, Bundles, .gz of either.
        settings: as for `load_lake`.
        full: as for `load_lake`.
        ledger_path: as for `load_lake`.
        wait: as for `load_lake`.
        on_progress: as for `load_lake`.
        options: as for `load_lake`; what concerns partitions has no effect.

    Raises:
        DataError: a path does not exist or a folder holds no FHIR file.
        LedgerUnusable, LoaderLocked, LedgerMismatch, ServerUnavailable, FhirError: as for `load_lake`.
    """
    inputs(paths)  # what is not there is said before anything is waited for
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.exclusive_ledger() as ledger:
        session.check(ledger)  # before minutes of reading, not after

        def on_read(count: int) -> None:
            on_progress(Progress("reading", settled=count))

        with read_files(paths, _empty_spool(settings, ledger), on_read) as resources:
            source = " ".join(paths)
            return session.run(ledger, source, lambda run: load_read_files(run, resources, paths), is_checked=True)


def _empty_spool(settings: Settings, ledger: Ledger) -> Path:
    """Return where to spool, without what a loader that was killed has left: who holds the ledger's lock is alone."""
    folder = settings.home / "spool" / sha256(str(ledger.path.absolute()).encode()).hexdigest()[:16]
    shutil.rmtree(folder, ignore_errors=True)
    return folder


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
