"""Dead letters of a run: what is written of rejections while it loads, and which letters it closes.

Letters are written before the ledger says that something is rejected, so that no rejection is without its reason.
Earlier versions kept them as Parquet files; `take_over` brings those into the ledger.
"""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.files import replacing
from claims_pipeline.load.ledger.letters import (
    LIST_SCHEMA,
    SCHEMA,
    UNREADABLE,
    Letter,
    drop_letters,
    last_number,
    open_letters,
    put_letters,
    unreadable_before,
)
from claims_pipeline.load.ledger.store import Ledger, open_ledger, require_ledger
from claims_pipeline.load.resource import FILES, Result, file_of, without_place
from claims_pipeline.settings import Settings

REASON_OF_FILE = "rejected by an earlier version of this program"


@dataclass
class DeadLetters:
    """The dead letters of one run."""

    ledger: Ledger
    _read: tuple[str, ...] = ()
    _last_before: int = 0

    def add(self, results: Iterable[Result], origin: str, *, bundle: str = "") -> None:
        """Write the rejected ones among `results`.

        Args:
            results: what became of some resources.
            origin: the lake's table, or "files".
            bundle: number of the bundle that they were sent in, empty if they were not sent.

        Raises:
            LedgerUnusable: the ledger's file cannot be written.
        """
        now = datetime.now(UTC)
        put_letters(
            self.ledger, [_letter(result, origin, bundle, now) for result in results if result.outcome == "rejected"]
        )

    def begin_files(self, read: Collection[str]) -> None:
        """Let letters of unreadable input be closed that an earlier run wrote of the same files and folders.

        Args:
            read: the files and folders that were read, "standard input" for that.
        """
        self._read = tuple(map(_located, read))
        self._last_before = last_number(self.ledger)

    def add_unreadable(self, rejected: pl.DataFrame) -> None:
        """Write input that cannot be sent.

        Args:
            rejected: columns of `sources.REJECTED_SCHEMA`.

        Raises:
            LedgerUnusable: the ledger's file cannot be written.
        """
        now = datetime.now(UTC)
        columns = ("source", "resource_type", "resource_id", "reason")
        put_letters(
            self.ledger,
            [
                Letter(now, type_, id_, 0, reason, None, _located(source), None, UNREADABLE, None, None, reason)
                for source, type_, id_, reason in rejected.select(columns).iter_rows()
            ],
        )

    def close(self) -> list[str]:
        """Delete the letters that are no longer open.

        Returns:
            What a person should know.
        """
        try:
            sources = unreadable_before(self.ledger, self._last_before) if self._read else []
            files = {without_place(source) for source in sources}
            read_again = {file for file in files if _is_in(_located(file), self._read)}
            drop_letters(self.ledger, [source for source in sources if without_place(source) in read_again])
        except ClaimsPipelineError as error:
            return [f"dead letters were not put in order: {error}"]
        return []


def list_dead_letters(
    settings: Settings, *, ledger_path: Path | None = None, with_contents: bool = True
) -> pl.DataFrame:
    """Return everything that is rejected now, latest first.

    Args:
        settings: where the ledger is.
        ledger_path: the ledger; `settings.ledger_path` if None.
        with_contents: with the columns of `letters.SCHEMA`: resources, and what the server quotes of them; otherwise
            with those of `letters.LIST_SCHEMA`, without health data.

    Raises:
        LedgerUnusable: the ledger cannot be used, or `ledger_path` is none.
    """
    require_ledger(ledger_path)
    path = ledger_path or settings.ledger_path
    if not path.exists():
        return (SCHEMA if with_contents else LIST_SCHEMA).to_frame()
    with open_ledger(path) as ledger:
        take_over(settings.dead_letters_path, ledger)
        return open_letters(ledger, with_contents=with_contents)


def broken_dead_letters(settings: Settings) -> list[Path]:
    """Return the files of dead letters of an earlier version that cannot be read and are still there."""
    return [file for file in _files(settings.dead_letters_path) if _read(file) is None]


def take_over(folder: Path, ledger: Ledger) -> list[str]:
    """Bring the letters of an earlier version of this program, in Parquet files, into the ledger they belong to.

    A file is deleted when all that it holds is in ledgers; what belongs to another ledger stays in it.

    Args:
        folder: where they are.
        ledger: the ledger whose letters are taken; what names no ledger counts as its own.

    Returns:
        What a person should know: files that cannot be read.
    """
    remarks = []
    for file in _files(folder):
        letters = _read(file)
        if letters is None:
            remarks.append(f"left out, because it cannot be read as dead letters: {file} (delete it)")
            continue
        is_own = pl.col("ledger_id").is_null() | (pl.col("ledger_id") == ledger.info()["ledger_id"])
        put_letters(ledger, [_letter_of_file(row) for row in letters.filter(is_own).iter_rows(named=True)])
        others = letters.filter(~is_own)
        if others.is_empty():
            file.unlink(missing_ok=True)
        elif others.height < letters.height:
            with replacing(file, owner_only=True) as temporary:
                others.write_parquet(temporary)
    return remarks


def _files(folder: Path) -> list[Path]:
    """Return the files in the order in which they were written: they are numbered."""
    return sorted(folder.glob("*.parquet"), key=lambda file: (_number(file), file.name))


def _number(file: Path) -> int:
    number, _, _ = file.name.partition("-")
    return int(number) if number.isdigit() else 0


def _read(file: Path) -> pl.DataFrame | None:
    try:
        frame = pl.read_parquet(file)
        frame = frame if "ledger_id" in frame.columns else frame.with_columns(ledger_id=pl.lit(None, pl.String()))
        return frame.cast({name: SCHEMA[name] for name in SCHEMA}).select(*SCHEMA, "ledger_id")
    except (pl.exceptions.PolarsError, OSError):
        return None


def _letter_of_file(row: dict[str, object]) -> Letter:
    known = {name: row[name] for name in SCHEMA if name not in {"reason", "references"}}
    references = row["references"] or ()
    return Letter(**known, shown_reason=REASON_OF_FILE, reason=row["reason"], references=references)  # type: ignore[arg-type]  # by SCHEMA


def _letter(result: Result, origin: str, bundle: str, now: datetime) -> Letter:
    resource = result.resource
    return Letter(
        rejected_at=now,
        resource_type=resource.resource_type,
        resource_id=resource.resource_id,
        http_status=result.http_status,
        shown_reason=result.text,
        missing_target=result.missing_target or None,
        source=_located(resource.source) if origin == FILES else resource.source,
        bundle=bundle,
        origin=origin,
        as_of=resource.as_of,
        content_hash=resource.content_hash,
        reason=result.full_text or result.text,
        references=resource.references,
        together=resource.together,
        body=resource.body,
    )


def _located(source: str) -> str:
    """Return a file, or "file:line", with its absolute path: letters are read in another folder than they were made."""
    if file_of(source) is None:
        return source
    return os.path.abspath(source)  # noqa: PTH100 - Path.resolve() would follow a link out of the folder that was read


def _is_in(source: str, places: Collection[str]) -> bool:
    file = Path(without_place(source))
    return any(file.is_relative_to(place) for place in places)
