"""Dead letters: what was rejected, with the reason and the resource itself, as Parquet files for the owner only.

Grain: one row per rejection. A dead letter is open while the ledger says that this very content is rejected; input
that could not be read has no id and is open until its file is loaded again. Files are written before the ledger, so
that no rejection is without its reason; those of one run become one file when the run ends. Files are numbered, for
the clock may go back: what was rejected later is in a file of a higher number, or further down in the same one.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from claims_pipeline.errors import DataError
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.resource import Result

SCHEMA = pl.Schema(
    {
        "rejected_at": pl.Datetime("us", "UTC"),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "http_status": pl.Int32(),
        "reason": pl.String(),
        "missing_target": pl.String(),
        "source": pl.String(),
        "bundle": pl.String(),
        "origin": pl.String(),
        "as_of": pl.String(),
        "content_hash": pl.String(),
        "references": pl.List(pl.String()),
        "together": pl.Int64(),
        "body": pl.String(),
    }
)
"""`reason`: the server's OperationOutcome in plain words, or ours. `http_status`: 0 if it was not sent, then `bundle`
is empty. Type, id, hash and body are null for input that could not be read."""

UNREADABLE = "unreadable"
OWNER_ONLY, OWNER_ONLY_FOLDER = 0o600, 0o700
PARTS_KEPT = 500


@dataclass
class DeadLetters:
    """The dead letters of one run."""

    folder: Path
    _parts: list[Path] = field(default_factory=list)
    _run: str = ""

    def add(self, results: Iterable[Result], origin: str) -> None:
        """Write the rejected ones among `results`.

        Raises:
            DataError: the folder cannot be written.
        """
        now = datetime.now(UTC)
        self._write([_row(result, origin, now) for result in results if result.outcome == "rejected"])

    def add_unreadable(self, rejected: pl.DataFrame) -> None:
        """Write input that cannot be sent (columns of `sources.REJECTED_SCHEMA`)."""
        rows = rejected.with_columns(rejected_at=pl.lit(datetime.now(UTC)), http_status=0, origin=pl.lit(UNREADABLE))
        self._write([{name: row.get(name) for name in SCHEMA} for row in rows.to_dicts()])

    def close(self) -> None:
        """Make one file of all that was written."""
        if len(self._parts) > 1:
            self._put(pl.read_parquet(self._parts))
            *merged, whole = self._parts
            self._parts = [whole]
            for part in merged:
                part.unlink()

    def _write(self, rows: Sequence[dict[str, object]]) -> None:
        if rows:
            self._put(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
        if len(self._parts) >= PARTS_KEPT:
            self.close()

    def _put(self, letters: pl.DataFrame) -> None:
        files = _in_order(self.folder)
        self._run = self._run or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        part = self.folder / f"{_number(files[-1]) + 1 if files else 1:08d}-{self._run}.parquet"
        _write(letters, part)
        self._parts.append(part)


def read_dead_letters(folder: Path) -> pl.DataFrame:
    """Return all dead letters, also those that are no longer open, with the columns of `SCHEMA`, latest first."""
    files = _in_order(folder)
    if not files:
        return pl.DataFrame(schema=SCHEMA)
    try:
        return pl.read_parquet(files).reverse()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"dead letters cannot be read: {error}", where=str(folder)) from error


def open_dead_letters(folder: Path, ledger: Ledger) -> pl.DataFrame:
    """Return the latest dead letter of everything that is rejected now, with the columns of `SCHEMA`."""
    letters = read_dead_letters(folder)
    columns = (RESOURCES.c.resource_type, RESOURCES.c.resource_id, RESOURCES.c.rejected_hash)
    with ledger.reading() as connection:
        rejected = connection.execute(sa.select(*columns).where(RESOURCES.c.state == "rejected")).all()
    key = ("resource_type", "resource_id", "content_hash")
    still = pl.DataFrame([tuple(row) for row in rejected], schema=dict.fromkeys(key, pl.String()), orient="row")
    of_resources = letters.join(still, on=key, how="semi", maintain_order="left").unique(
        key, keep="first", maintain_order=True
    )
    unreadable = letters.filter(pl.col("origin") == UNREADABLE).unique("source", keep="first", maintain_order=True)
    return pl.concat([of_resources, unreadable])


def forget_unreadable(folder: Path, inputs: Sequence[str]) -> None:
    """Drop the dead letters of input files that are about to be read again."""
    of_inputs = (pl.col("origin") == UNREADABLE) & pl.col("source").str.replace(r":\d+$", "").is_in(list(inputs))
    for file in sorted(folder.glob("*.parquet")):
        letters = pl.read_parquet(file)
        kept = letters.filter(~of_inputs)
        if kept.is_empty():
            file.unlink()
        elif kept.height < letters.height:
            _write(kept, file)


def _in_order(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"), key=lambda file: (_number(file), file.name))


def _number(file: Path) -> int:
    number, _, _ = file.name.partition("-")
    return int(number) if number.isdigit() else 0


def _row(result: Result, origin: str, now: datetime) -> dict[str, object]:
    return {
        **result.resource._asdict(),
        "rejected_at": now,
        "http_status": result.http_status,
        "reason": result.full_text or result.text,
        "missing_target": result.missing_target or None,
        "bundle": result.bundle,
        "origin": origin,
    }


def _write(frame: pl.DataFrame, path: Path) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as file:
            frame.select(SCHEMA.names()).write_parquet(file)
        temporary.replace(path)
    except OSError as error:
        raise DataError(
            f"dead letters cannot be written: {error.strerror}",
            where=str(path.parent),
            fix="make room or make the folder writable, then run the same command again",
        ) from error
