"""`load_lake` and `load_files`: send to a FHIR server what it does not have yet."""

from collections.abc import Sequence
from datetime import date
from os import PathLike, fspath
from pathlib import Path

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.fhir import TIERS
from claims_pipeline.lake import Feed, Lake, read_feed, require_days
from claims_pipeline.load.event_loop import in_thread, require_no_event_loop
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.pipeline.files import load_read_files
from claims_pipeline.load.pipeline.lake import load_days
from claims_pipeline.load.pipeline.ownership import require_own_feed
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.report import LoadReport
from claims_pipeline.load.session import Session
from claims_pipeline.load.sources.elements import require_known_types
from claims_pipeline.load.sources.files import read_files
from claims_pipeline.load.sources.inputs import inputs
from claims_pipeline.load.spool_folder import spool_folder
from claims_pipeline.settings import Settings

PATHS_SHOWN = 10


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
        days: days to load; None for all days of the lake. The tables of the directory are always loaded.
        full: also send resources that the server already has.
        ledger_path: the ledger; `settings.ledger_path` if None.
        wait: wait until the server is ready, at most `settings.fhir_wait_seconds`, instead of failing at once.
        on_progress: called with the progress.
        options: see `LoadOptions`.

    Returns:
        The report; it also says what was rejected, what failed, and what stopped the load if something did while it
        ran: the server, a signal, a file of the lake that cannot be read.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `load_lake_async`; or `options` name an
            unknown resource type, no type of a lake, or a prefix of ids; or the lake lacks one of `days`.
        DataError: there is no lake.
        FeedMismatch: the ledger knows another feed, whose ids would collide with this one's.
        LedgerUnusable: the ledger's file cannot be used.
        LoaderLocked: another loader writes with this ledger, and this is no dry run.
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        ServerUnavailable: the server did not answer in time.
        FhirError: the server denies access, or is not a FHIR R4 server.
    """
    require_no_event_loop("load_lake")
    _require_options_of_a_lake(options)
    feed = _require_lake(lake)
    if days is not None:
        require_days(lake, feed, days)
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.ledger() as ledger:
        require_own_feed(ledger, feed, options)

        async def work(pipeline: Pipeline) -> None:
            if not options.is_dry_run:  # not earlier: a load that did not reach its server changes nothing
                ledger.remember(feed=feed.model_dump_json())
            await load_days(pipeline, lake, None if days is None else list(days), options)

        return session.run(ledger, str(lake.root), work)


def load_files(
    paths: Sequence[str | PathLike[str]],
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
        options: as for `load_lake`; `has_every_version` has no effect.

    Raises:
        ConfigError: an event loop runs in this thread, as in a notebook: await `load_files_async`; a resource type in
            `options` is not one of FHIR R4, a path does not exist, or a folder is a lake.
        DataError: a folder holds no FHIR file, or the disk is full.
        LedgerUnusable, LoaderLocked, LedgerMismatch, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("load_files")
    require_known_types(options.types | options.exclude)
    names = [fspath(path) for path in paths]
    inputs(names)  # a missing path is an error before anything is waited for
    session = Session(settings, ledger_path, full, wait, on_progress, options)
    with session.ledger() as ledger:
        session.check(ledger)  # before the files are read, which may take minutes

        def on_read(count: int) -> None:
            on_progress(Progress("reading", settled=count))

        base = settings.fhir_base_url
        with (
            spool_folder(settings.home, ledger.path, is_dry_run=options.is_dry_run) as spool,
            read_files(names, spool, on_read, server_base=base, options=options) as resources,
        ):
            more = f" ... ({len(names):,} paths)" if len(names) > PATHS_SHOWN else ""
            source = " ".join(names[:PATHS_SHOWN]) + more
            return session.run(
                ledger, source, lambda run: load_read_files(run, resources, names, options), is_checked=True
            )


load_lake_async = in_thread(load_lake)
load_files_async = in_thread(load_files)


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
