"""The rejections of one run, written as dead letters.

Letters are written before the ledger says that something is rejected, so that no rejection is without its reason.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.ledger.dead_letters import (
    UNREADABLE,
    Letter,
    drop_letters,
    last_number,
    put_letters,
    unreadable_before,
)
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import FILES, Result, path_of, without_place


@dataclass
class DeadLetters:
    """The dead letters of one run."""

    ledger: Ledger
    _read: tuple[str, ...] = ()
    _last_before: int = 0

    def add(self, results: Iterable[Result], origin: str, *, bundle: str = "") -> None:
        """Write the rejected ones among `results`.

        Args:
            results: results of resources.
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
        """Note what is read: `close` deletes earlier letters about unreadable input in these files and folders.

        Args:
            read: the files and folders that were read, "standard input" for that.
        """
        self._read = tuple(map(located, read))
        self._last_before = last_number(self.ledger)

    def add_unreadable(self, rejected: pl.DataFrame) -> None:
        """Write input that cannot be sent.

        Args:
            rejected: columns of `REJECTED_SCHEMA` in sources/file_resources.py.

        Raises:
            LedgerUnusable: the ledger's file cannot be written.
        """
        now = datetime.now(UTC)
        columns = ("source", "resource_type", "resource_id", "reason")
        put_letters(
            self.ledger,
            [
                Letter(now, type_, id_, 0, reason, None, located(source), None, UNREADABLE, None, None, reason)
                for source, type_, id_, reason in rejected.select(columns).iter_rows()
            ],
        )

    def close(self) -> list[str]:
        """Delete the letters that are no longer open.

        Returns:
            Notes for the user.
        """
        try:
            sources = unreadable_before(self.ledger, self._last_before) if self._read else []
            files = {without_place(source) for source in sources}
            read_again = {file for file in files if is_in(located(file), self._read)}
            drop_letters(self.ledger, [source for source in sources if without_place(source) in read_again])
        except ClaimsPipelineError as error:
            return [f"dead letters that are no longer open were not deleted: {error}"]
        return []


def _letter(result: Result, origin: str, bundle: str, now: datetime) -> Letter:
    resource = result.resource
    return Letter(
        rejected_at=now,
        resource_type=resource.resource_type,
        resource_id=resource.resource_id,
        http_status=result.http_status,
        shown_reason=result.text,
        missing_target=result.missing_target or None,
        source=located(resource.source) if origin == FILES else resource.source,
        bundle=bundle,
        origin=origin,
        as_of=resource.as_of,
        content_hash=resource.content_hash,
        reason=result.full_text or result.text,
        references=resource.references,
        body=resource.body,
    )


def located(source: str) -> str:
    """Return a file, or "file:line", with its absolute path: letters are read in another folder than they were made."""
    name = without_place(source)
    path = path_of(name)
    return source if path is None else path + source.removeprefix(name)


def is_in(file: str, places: Collection[str]) -> bool:
    """Return whether a file is one of some places, or lies in one of them."""
    return any(Path(file).is_relative_to(place) for place in places)
