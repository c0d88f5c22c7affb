"""The dead letters of one run, and what it leaves of those of earlier runs.

Letters are written before the ledger, so that no rejection is without its reason. When the run ends its own become
one file, and only then those that are no longer open are dropped from the others: a crash in between leaves some
twice, of which the later counts, and loses none.
"""

import os
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.dead_letters.files import (
    SCHEMA,
    UNREADABLE,
    next_number,
    read_file,
    read_folder,
    write_file,
)
from claims_pipeline.load.dead_letters.still_open import is_unreadable, latest_of_ledger, still_open
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import FILES, NAME_OF_STANDARD_INPUT, Result

PARTS_KEPT = 500
_LINE = re.compile(r":\d+(?: \(entry \d+\))?$")


@dataclass
class DeadLetters:
    """The dead letters of one run."""

    folder: Path
    ledger: Ledger
    _parts: list[Path] = field(default_factory=list)
    _run: str = ""
    _read: tuple[str, ...] = ()

    def add(self, results: Iterable[Result], origin: str, *, bundle: str = "") -> None:
        """Write the rejected ones among `results`.

        Args:
            results: what became of some resources.
            origin: the lake's table, or "files".
            bundle: number of the bundle that they were sent in, empty if they were not sent.

        Raises:
            DataError: the folder cannot be written.
        """
        now = datetime.now(UTC)
        self._write(
            [_row(result, origin, now) | {"bundle": bundle} for result in results if result.outcome == "rejected"]
        )

    def begin_files(self, read: Collection[str]) -> None:
        """Let letters of unreadable input be closed that an earlier run wrote of the same files and folders.

        Args:
            read: the files and folders that were read, "standard input" for that.
        """
        self._read = tuple(map(_located, read))

    def add_unreadable(self, rejected: pl.DataFrame) -> None:
        """Write input that cannot be sent.

        Args:
            rejected: columns of `sources.REJECTED_SCHEMA`.

        Raises:
            DataError: the folder cannot be written.
        """
        now = datetime.now(UTC)
        more = {"rejected_at": now, "http_status": 0, "origin": UNREADABLE}
        self._write([row | more | {"source": _located(row["source"])} for row in rejected.to_dicts()])

    def close(self) -> list[str]:
        """Make one file of all that was written, and drop what is no longer open.

        Returns:
            What a person should know, such as files that cannot be read.
        """
        try:
            self._merge()
            broken = self._drop_closed()
        except (ClaimsPipelineError, pl.exceptions.PolarsError, OSError) as error:
            return [f"dead letters were not put in order: {error}"]
        return [f"left out, for it cannot be read as dead letters: {file} (delete it)" for file in broken]

    def _merge(self) -> None:
        if len(self._parts) > 1:
            self._put(pl.concat(list(map(read_file, self._parts))))
            *merged, whole = self._parts
            self._parts = [whole]
            for part in merged:
                part.unlink(missing_ok=True)

    def _drop_closed(self) -> list[Path]:
        letters, broken = read_folder(self.folder, with_bodies=False)
        kept = self._kept(letters) if letters.height else letters
        for (name,), there in letters.group_by("file"):
            rows = kept.filter(pl.col("file") == name)["row"]
            file = self.folder / str(name)
            if rows.is_empty():
                file.unlink(missing_ok=True)
            elif len(rows) < there.height:
                write_file(read_file(file).with_row_index("row").filter(pl.col("row").is_in(rows.implode())), file)
        return broken

    def _kept(self, letters: pl.DataFrame) -> pl.DataFrame:
        """Return what is open, what other ledgers know of, and of earlier versions what another may know of."""
        latest = latest_of_ledger(letters, self.ledger)
        of_earlier_version = latest.filter(pl.col("ledger_id").is_null() & ~is_unreadable)
        ours = pl.concat([still_open(letters, self.ledger), of_earlier_version]).unique(["file", "row"])
        others = letters.filter(pl.col("ledger_id") != self.ledger.info()["ledger_id"])
        return pl.concat([ours.filter(~self._is_read_again(ours)), others])

    def _is_read_again(self, letters: pl.DataFrame) -> pl.Expr:
        """Tell which letters of unreadable input are of files that this run has read, if they are still there."""
        is_earlier = is_unreadable & ~pl.col("file").is_in([part.name for part in self._parts])
        sources = letters.filter(is_earlier)["source"].unique()
        return is_earlier & pl.col("source").is_in([s for s in sources if _is_in(_located(s), self._read)])

    def _write(self, rows: Sequence[dict[str, object]]) -> None:
        if rows:
            ledger_id = self.ledger.info()["ledger_id"]
            of_schema = [{name: row.get(name) for name in SCHEMA} | {"ledger_id": ledger_id} for row in rows]
            self._put(pl.DataFrame(of_schema, schema=SCHEMA, orient="row"))
        if len(self._parts) >= PARTS_KEPT:
            self._merge()

    def _put(self, letters: pl.DataFrame) -> None:
        self._run = self._run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        part = self.folder / f"{next_number(self.folder):08d}-{self._run}.parquet"
        write_file(letters, part)
        self._parts.append(part)


def _row(result: Result, origin: str, now: datetime) -> dict[str, object]:
    resource = result.resource
    return {
        **resource._asdict(),
        "source": _located(resource.source) if origin == FILES else resource.source,
        "rejected_at": now,
        "http_status": result.http_status,
        "reason": result.full_text or result.text,
        "missing_target": result.missing_target or None,
        "origin": origin,
    }


def _located(source: str) -> str:
    """Return a file, or "file:line", with its absolute path: letters are read in another folder than they were made."""
    if _LINE.sub("", source) == NAME_OF_STANDARD_INPUT:
        return source
    return os.path.abspath(source)  # noqa: PTH100 - Path.resolve() would follow a link out of the folder that was read


def _is_in(source: str, places: Collection[str]) -> bool:
    file = Path(_LINE.sub("", source))
    return any(file.is_relative_to(place) for place in places)
