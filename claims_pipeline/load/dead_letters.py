"""`list_dead_letters`, `retry_dead_letters` and `discard_dead_letters`: what was rejected, sent again, or given up."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.load.event_loop import in_thread, require_no_event_loop
from claims_pipeline.load.ledger.dead_letters import UNREADABLE, drop_letters, open_letters
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.settling import settle_discarded
from claims_pipeline.load.ledger.store import open_existing_ledger, require_ledger
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.ordering import insert, place, placing
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.rejections import is_in, located
from claims_pipeline.load.progress import OnProgress, silent
from claims_pipeline.load.report import LoadReport
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, without_place
from claims_pipeline.load.session import Session
from claims_pipeline.settings import Settings

_NAME = pl.format("{}/{}", pl.col("resource_type"), pl.col("resource_id"))
_IS_SENDABLE = (pl.col("origin") != UNREADABLE) & (pl.col("body") != "")
"""Whether a letter holds a resource; input that could not be read has none, nor has a row that FHIR cannot hold."""


def list_dead_letters(
    settings: Settings, *, ledger_path: Path | None = None, with_contents: bool = True
) -> pl.DataFrame:
    """Return everything that is rejected now, latest first.

    Args:
        settings: where the ledger is.
        ledger_path: the ledger; `settings.ledger_path` if None.
        with_contents: with resources, and what the server quotes of them (the columns of `SCHEMA` in
            ledger/dead_letters.py); otherwise without health data (`LIST_SCHEMA`).

    Raises:
        ConfigError: there is no ledger at `ledger_path`.
        LedgerUnusable: the ledger cannot be used.
    """
    require_ledger(ledger_path)
    with open_existing_ledger(ledger_path or settings.ledger_path) as ledger:
        return open_letters(ledger, with_contents=with_contents)


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
        ConfigError: an event loop runs in this thread, as in a notebook: await `retry_dead_letters_async`; or one of
            `names` has no open dead letter, or there is no ledger at `ledger_path`.
        DataError: one of `names` is a resource that the loader refused before sending it.
        LedgerUnusable, LoaderLocked, LedgerMismatch, ServerUnavailable, FhirError: as for `load_lake`.
    """
    require_no_event_loop("retry_dead_letters")
    require_ledger(ledger_path)
    session = Session(settings, ledger_path, full=True, wait=False, on_progress=on_progress, options=options)
    with session.exclusive_ledger(may_create=False) as ledger:
        letters = _chosen(open_letters(ledger, with_contents=True), names)
        sendable = letters.filter(_IS_SENDABLE)

        async def work(pipeline: Pipeline) -> None:
            if unsendable := letters.height - sendable.height:
                pipeline.remarks.append(
                    f"not sent again, because the loader refused them: {unsendable:,}; "
                    "correct them in their source (claims dead-letters list), then load it"
                )
            await _send(pipeline, sendable)

        return session.run(ledger, "dead letters", work)


retry_dead_letters_async = in_thread(retry_dead_letters)


def discard_dead_letters(names: Sequence[str], settings: Settings, *, ledger_path: Path | None = None) -> int:
    """Give up what was rejected, for example because its file is gone; return the number of letters discarded.

    The server is not asked, and keeps what it holds. A load that finds such a resource in its source sends it again.

    Args:
        names: of each "Type/id", or its source as `list_dead_letters` has it, or a file or folder; none for all.
        settings: where the ledger is.
        ledger_path: the ledger; `settings.ledger_path` if None.

    Raises:
        ConfigError: one of `names` is empty or has no dead letter, so nothing is discarded; or there is no ledger at
            `ledger_path`.
        LedgerUnusable: the ledger cannot be used.
        LoaderLocked: another loader writes with it.
    """
    require_ledger(ledger_path)
    if "" in names:
        raise ConfigError("an empty name of a dead letter", fix="claims dead-letters list")
    with open_existing_ledger(ledger_path or settings.ledger_path) as ledger, holding_lock(ledger):
        letters = open_letters(ledger, with_contents=False)
        chosen = pl.concat([_about(letters, name) for name in names]).unique() if names else letters
        is_unreadable = pl.col("origin") == UNREADABLE
        settle_discarded(ledger, chosen.filter(~is_unreadable).select("resource_type", "resource_id").rows())
        drop_letters(ledger, chosen.filter(is_unreadable)["source"].to_list())
        return chosen.height


def _about(letters: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the letters about a resource, a source, or what was in a file or folder."""
    place = located(name)
    is_of_files = pl.col("origin").is_in([FILES, UNREADABLE])
    sources = [
        source
        for source in letters.filter(is_of_files)["source"].unique()
        if source == place or is_in(without_place(source), [place])
    ]
    about = letters.filter(
        _NAME.eq(name) | (pl.col("source") == name) | (is_of_files & pl.col("source").is_in(sources))
    )
    if about.is_empty():
        raise _no_letter(name)
    return about


def _no_letter(name: str) -> ConfigError:
    return ConfigError(f"no dead letter: {name}", fix="claims dead-letters list")


def _chosen(letters: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the letters of `names`, all if it is empty."""
    if not names:
        return letters
    chosen = letters.filter(_NAME.is_in(list(names)))
    if absent := sorted(set(names) - set(chosen.select(_NAME).to_series())):
        raise _no_letter(", ".join(absent))
    for name, source in chosen.filter(~_IS_SENDABLE).select(_NAME, "source").iter_rows():
        raise DataError(
            f"{name} cannot be sent again: the loader refused it",
            where=source,
            fix="correct it there, then claims load",
        )
    return chosen


async def _send(pipeline: Pipeline, letters: pl.DataFrame) -> None:
    """Send each letter after those that it refers to, and those that refer to each other in one transaction."""
    pipeline.total = letters.height
    for tier in _tiers(letters):
        if pipeline.ended_by is not None:
            return
        for (origin,), of_origin in tier.group_by("origin", maintain_order=True):
            await pipeline.load([of_origin.select(CHUNK_SCHEMA.names())], str(origin))


def _tiers(letters: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the letters in tiers, with `together`, in the order of sending; see ordering.py."""
    numbered = letters.with_row_index("seq").with_columns(key=_NAME)
    with placing() as connection:
        insert(connection, "kept", numbered.select("key", "seq"))
        insert(connection, "targets", numbered.select("seq", target="references").explode("target").drop_nulls())
        place(connection)
        placed = pl.DataFrame(connection.sql("SELECT * FROM placed").to_arrow_table())
    return (
        numbered.join(placed.with_columns(pl.col("seq").cast(pl.UInt32)), on="seq")
        .sort("tier", "together", "seq")
        .partition_by("tier", maintain_order=True)
    )
