"""`load_lake`, `load_files` and `retry_dead_letters`: send to a FHIR server what it does not have yet."""

import shutil
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path

import polars as pl

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.fhir import TIERS
from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.load.event_loop import in_thread, require_no_event_loop
from claims_pipeline.load.ledger.dead_letters import UNREADABLE, open_letters, take_over
from claims_pipeline.load.ledger.store import Ledger, require_ledger
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.pipeline.files import load_read_files
from claims_pipeline.load.pipeline.lake import load_days
from claims_pipeline.load.pipeline.ownership import require_own_feed
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.report import LoadReport
from claims_pipeline.load.resource import CHUNK_SCHEMA
from claims_pipeline.load.session import Session
from claims_pipeline.load.sources import read_files
from claims_pipeline.load.sources.elements import require_known_types
from claims_pipeline.load.sources.inputs import inputs
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings

_NAME = pl.format("{}/{}", pl.col("resource_type"), pl.col("resource_id"))


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
    """Load a lake into a FHIR server: send only the resources that it does not have yet.

    Args:
        lake: the partitions.
        settings: the server, the size of bundles, the most requests at once.
        days: partitions to look at; None for all that the lake has. The directory is always looked at.
        full: send everything, also what the server has already.
        ledger_path: what the server holds; `settings.ledger_path` if None.
        wait: wait until the server is ready, at most `settings.fhir_wait_seconds`, instead of failing at once.
        on_progress: called with the progress.
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
        FhirError: the server denies access, or is not a FHIR R4 server.
    """
    require_no_event_loop("load_lake")
    _require_options_of_a_lake(options)
    feed = _require_lake(lake)
    chosen = _require_days(lake, days)
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.exclusive_ledger() as ledger:
        require_own_feed(ledger, feed, options)

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
    """Load FHIR R4 files into a FHIR server: send only the resources that it does not have yet.

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
    inputs(paths)  # a missing path is an error before anything is waited for
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.exclusive_ledger() as ledger:
        session.check(ledger)  # before the files are read, which may take minutes

        def on_read(count: int) -> None:
            on_progress(Progress("reading", settled=count))

        spool, base = _empty_spool(settings, ledger), settings.fhir_base_url
        with read_files(paths, spool, on_read, server_base=base, options=options) as resources:
            source = " ".join(paths)
            return session.run(
                ledger, source, lambda run: load_read_files(run, resources, paths, options), is_checked=True
            )


def retry_dead_letters(
    names: Sequence[str],
    settings: Settings,
    *,
    ledger_path: Path | None = None,
    on_progress: OnProgress = silent,
    options: LoadOptions = DEFAULTS,
) -> LoadReport:
    """Send open dead letters again: their cause may be gone.

    Args:
        names: "Type/id" of those to send; none for all.
        settings: the server.
        ledger_path: the ledger; `settings.ledger_path` if None.
        on_progress: called with the progress.
        options: see `LoadOptions`.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `retry_dead_letters_async`.
        DataError: one of `names` is no open dead letter.
        LedgerUnusable, LoaderLocked, LedgerMismatch, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("retry_dead_letters")
    require_ledger(ledger_path)
    session = Session(settings, ledger_path, full=True, wait=False, on_progress=on_progress, options=options)
    with session.exclusive_ledger() as ledger:
        take_over(settings.dead_letters_path, ledger)
        letters = _chosen(open_letters(ledger, with_contents=True), names)
        return session.run(ledger, "dead letters", lambda pipeline: _send(pipeline, letters))


load_lake_async = in_thread(load_lake)
load_files_async = in_thread(load_files)
retry_dead_letters_async = in_thread(retry_dead_letters)


def _empty_spool(settings: Settings, ledger: Ledger) -> Path:
    """Return the spool folder, emptied of what a killed loader left; only the holder of the lock uses it."""
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


def _chosen(letters: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    sendable = letters.filter((pl.col("origin") != UNREADABLE) & (pl.col("body") != ""))
    if not names:
        return sendable
    chosen = sendable.filter(_NAME.is_in(list(names)))
    if absent := sorted(set(names) - set(chosen.select(_NAME).to_series())):
        raise DataError(f"no dead letter: {', '.join(absent)}", fix="claims dead-letters list")
    return chosen


async def _send(pipeline: Pipeline, letters: pl.DataFrame) -> None:
    """Send in rounds: what refers to another dead letter comes after it."""
    pipeline.total = letters.height
    waiting = letters
    while waiting.height and pipeline.sender.stopped is None:
        names = waiting.select(_NAME).to_series().implode()
        others = pl.col("references").list.set_difference(pl.concat_list(_NAME))
        lacks_another = others.list.set_intersection(names).list.len().fill_null(0) > 0
        ready = waiting.filter(~lacks_another)
        if ready.is_empty():
            ready = waiting
        waiting = waiting.join(ready, on=["resource_type", "resource_id"], how="anti", maintain_order="left")
        for resource_type in sorted(ready["resource_type"].unique(), key=_order):
            for origin in ready["origin"].unique().sort():
                rows = ready.filter(resource_type=resource_type, origin=origin)
                await pipeline.load([rows.select(CHUNK_SCHEMA.names())] if rows.height else [], origin)


def _order(resource_type: str) -> tuple[int, str]:
    return (TIERS.index(resource_type) if resource_type in TIERS else -1, resource_type)
