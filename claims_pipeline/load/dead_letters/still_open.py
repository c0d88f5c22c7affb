"""Which dead letters are open.

That of a resource is while the ledger says that this very content is rejected. Input that could not be read has no
id: its letter is open until its file, or a folder that the file was in, is read again.
"""

from pathlib import Path

import polars as pl

from claims_pipeline.load.dead_letters.files import SCHEMA, UNREADABLE, read_folder
from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.ledger.store import Ledger

IDENTITY = ("resource_type", "resource_id", "content_hash")

is_unreadable: pl.Expr = pl.col("origin") == UNREADABLE
_SAME = pl.when(is_unreadable).then("source").otherwise(pl.concat_str(*IDENTITY, separator=" ", ignore_nulls=True))


def open_dead_letters(folder: Path, ledger: Ledger) -> pl.DataFrame:
    """Return the latest dead letter of everything that is rejected now, with the columns of `SCHEMA`."""
    return still_open(read_folder(folder).letters, ledger).select(SCHEMA.names())


def still_open(letters: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Return those of `letters` (latest first) that are open by this ledger, one of each."""
    latest = latest_of_ledger(letters, ledger)
    rejected = latest.filter(~is_unreadable).join(_rejected(ledger), on=IDENTITY, how="semi", maintain_order="left")
    return pl.concat([rejected, latest.filter(is_unreadable)])


def latest_of_ledger(letters: pl.DataFrame, ledger: Ledger) -> pl.DataFrame:
    """Return the latest of each of the letters (latest first) that a ledger may know of."""
    ledger_id = ledger.info()["ledger_id"]
    ours = letters.filter(pl.col("ledger_id").is_null() | (pl.col("ledger_id") == ledger_id))
    is_latest = _SAME.is_first_distinct()
    return ours.filter(is_latest)


def _rejected(ledger: Ledger) -> pl.DataFrame:
    query = "SELECT resource_type, resource_id, rejected_hash FROM resources WHERE state = ?"
    with ledger.reading() as connection:
        rows = connection.execute(query, [State.REJECTED]).fetchall()
    return pl.DataFrame(rows, schema=dict.fromkeys(IDENTITY, pl.String()), orient="row")
