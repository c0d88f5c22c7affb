"""Dead letters in Parquet files, as earlier versions of this program kept them: moves them into the ledger."""

from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.files import replacing
from claims_pipeline.load.ledger.dead_letters import SCHEMA, Letter, put_letters
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.settings import Settings

REASON_OF_FILE = "rejected by an earlier version of this program"


def broken_dead_letters(settings: Settings) -> list[Path]:
    """Return the files of dead letters of an earlier version that cannot be read and are still there."""
    return [file for file in _files(settings.dead_letters_path) if _read(file) is None]


def take_over(folder: Path, ledger: Ledger) -> list[str]:
    """Move the letters of an earlier version of this program from Parquet files into the ledger they belong to.

    A file is deleted when all that it holds is in ledgers; what belongs to another ledger stays in it.

    Args:
        folder: where they are.
        ledger: the ledger whose letters are taken; what names no ledger counts as its own.

    Returns:
        Notes for the user: files that cannot be read.
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


def _letter_of_file(row: dict[str, Any]) -> Letter:
    known = {name: row[name] for name in SCHEMA if name not in {"reason", "references"}}
    references = row["references"] or ()
    return Letter(**known, shown_reason=REASON_OF_FILE, reason=row["reason"], references=references)
