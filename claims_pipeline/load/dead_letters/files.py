"""The files of the dead letters. Grain: one row per rejection.

Files are numbered, for the clock may go back: what was rejected later is in a file of a higher number, or further
down in the same one. Several ledgers may share the folder.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from claims_pipeline.errors import DataError

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
        "ledger_id": pl.String(),
        "body": pl.String(),
    }
)
"""`reason`: the server's OperationOutcome in plain words, or ours. `http_status`: 0 if it was not sent, then `bundle`
is empty. `source`: partition, or "file:line" with the file's absolute path. Type, id, hash and body are null for input
that could not be read. `ledger_id`: the ledger that knows of the rejection; null in letters of earlier versions."""

UNREADABLE = "unreadable"
"""`origin` of input that could not be read."""

OWNER_ONLY, OWNER_ONLY_FOLDER = 0o600, 0o700
READ_ATTEMPTS = 5


class Folder(NamedTuple):
    """What the files hold.

    Attributes:
        letters: columns of `SCHEMA`, and `file` and `row` where each is; latest first.
        broken: files that are none of dead letters, or no longer.
    """

    letters: pl.DataFrame
    broken: list[Path]


def read_folder(folder: Path, *, with_bodies: bool = True) -> Folder:
    """Return all dead letters, also those that are no longer open.

    Raises:
        DataError: the folder's files do not stay the same long enough to be read.
    """
    for _ in range(READ_ATTEMPTS):
        try:
            return _read_folder(folder, with_bodies=with_bodies)
        except FileNotFoundError:  # a loader at work has put it into another
            continue
    raise DataError("dead letters cannot be read: a loader is at work", where=str(folder), fix="try again")


def _read_folder(folder: Path, *, with_bodies: bool) -> Folder:
    names = [name for name in SCHEMA.names() if with_bodies or name != "body"]
    nothing = SCHEMA.to_frame().select(names).with_row_index("row").with_columns(file=pl.lit(""))
    frames, broken = [nothing], []
    for file in in_order(folder):
        try:
            frame = read_file(file, names)
        except FileNotFoundError:
            raise
        except (pl.exceptions.PolarsError, OSError):
            broken.append(file)
        else:
            frames.append(frame.with_row_index("row").with_columns(file=pl.lit(file.name)))
    return Folder(pl.concat(frames).reverse(), broken)


def read_file(file: Path, names: Sequence[str] = tuple(SCHEMA.names())) -> pl.DataFrame:
    """Return columns of the letters of one file, in its order."""
    is_of_earlier_version = "ledger_id" not in pl.read_parquet_schema(file)
    present = [name for name in names if name != "ledger_id"] if is_of_earlier_version else list(names)
    frame = pl.read_parquet(file, columns=present)
    if is_of_earlier_version:
        frame = frame.with_columns(ledger_id=pl.lit(None, dtype=pl.String()))
    return frame.select(names).cast({name: SCHEMA[name] for name in names})


def write_file(letters: pl.DataFrame, path: Path) -> None:
    """Write letters (columns of `SCHEMA`) as a file, or in its place; a reader never sees half of it.

    Raises:
        DataError: the folder cannot be written.
    """
    temporary = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as file:
            letters.select(SCHEMA.names()).write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(
            f"dead letters cannot be written: {error.strerror}",
            where=str(path.parent),
            fix="make room or make the folder writable, then run the same command again",
        ) from error


def next_number(folder: Path) -> int:
    """Return a number above those of all files."""
    files = in_order(folder)
    return _number(files[-1]) + 1 if files else 1


def in_order(folder: Path) -> list[Path]:
    """Return the files, in the order in which they were written."""
    return sorted(folder.glob("*.parquet"), key=lambda file: (_number(file), file.name))


def _number(file: Path) -> int:
    number, _, _ = file.name.partition("-")
    return int(number) if number.isdigit() else 0


def _sync_folder(folder: Path) -> None:
    """Let the new name of a file last as well as its content."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
