"""Dead letters: what was rejected, with the reason and the resource itself. Grain: one a rejection.

A letter about a resource is open while the ledger says that this very content is rejected; there is one of each, the
latest. Input that could not be read has no id: its letter is named by its source, and open until it is deleted.
Reasons and bodies have a table of their own, so that a list of letters does not read them.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import polars as pl

from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.ledger.store import Ledger

UNREADABLE = "unreadable"
"""`origin` of input that could not be read."""


class Letter(NamedTuple):
    """A resource, or a place in the input, that was rejected, with the reason.

    Attributes:
        rejected_at: when.
        resource_type: with the id, hash and body None for input that could not be read.
        resource_id: as in the resource.
        http_status: 0 if it was not sent; then `bundle` is empty.
        shown_reason: why, without what is quoted of the resource.
        missing_target: "Type/id", or match URL, whose absence is the reason.
        source: partition, or "file:line" with the file's absolute path.
        bundle: number of the bundle that it was sent in.
        origin: table of the lake, "files" or `UNREADABLE`.
        as_of: day of its partition.
        content_hash: of the rejected version.
        reason: why, in the text of the server.
        references: "Type/id" of what it refers to.
        body: canonical JSON.
    """

    rejected_at: datetime
    resource_type: str | None
    resource_id: str | None
    http_status: int
    shown_reason: str
    missing_target: str | None
    source: str
    bundle: str | None
    origin: str
    as_of: str | None
    content_hash: str | None
    reason: str
    references: Sequence[str] = ()
    body: str | None = None

    @property
    def name(self) -> str:
        """What the letter is about: "Type/id", or the source of input that could not be read."""
        return self.source if self.origin == UNREADABLE else f"{self.resource_type}/{self.resource_id}"


LIST_SCHEMA = pl.Schema(
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
    }
)
"""Columns of a list of letters, see `Letter`; `reason` is without what is quoted of the resource."""

SCHEMA = pl.Schema({**LIST_SCHEMA, "references": pl.List(pl.String()), "body": pl.String()})
"""Columns of letters with their contents; `reason` is the text of the server."""


def put_letters(ledger: Ledger, letters: Sequence[Letter]) -> None:
    """Write letters; each replaces an earlier letter about the same resource or place."""
    if not letters:
        return
    with ledger.writing() as connection:
        (last,) = connection.execute(_LAST_NUMBER).fetchone()
        rows = [
            (letter.name, number, letter.rejected_at.isoformat(timespec="microseconds"), *letter[1:11])
            for number, letter in enumerate(letters, start=last + 1)
        ]
        contents = [
            (letter.name, letter.reason, json.dumps(list(letter.references)), letter.body) for letter in letters
        ]
        connection.executemany(_PUT_LETTER, rows)
        connection.executemany(_PUT_CONTENT, contents)


def last_number(ledger: Ledger) -> int:
    """Return the number of the letter that was written last, 0 if there is none."""
    with ledger.reading() as connection:
        (last,) = connection.execute(_LAST_NUMBER).fetchone()
    return int(last)


def open_letters(ledger: Ledger, *, with_contents: bool) -> pl.DataFrame:
    """Return the letters that are open, latest first, with the columns of `SCHEMA` or of `LIST_SCHEMA`."""
    with ledger.reading() as connection:
        rows = connection.execute(_OPEN_WITH_CONTENTS if with_contents else _OPEN, _OPEN_STATES).fetchall()
    schema = SCHEMA if with_contents else LIST_SCHEMA
    texts = {name: pl.String() for name in ("rejected_at", "references") if name in schema}
    frame = pl.DataFrame(rows, schema={**schema, **texts}, orient="row")
    frame = frame.with_columns(pl.col("rejected_at").str.to_datetime(time_unit="us", time_zone="UTC"))
    if with_contents:
        frame = frame.with_columns(pl.col("references").str.json_decode(pl.List(pl.String())))
    return frame


def unreadable_before(ledger: Ledger, number: int) -> list[str]:
    """Return the sources of unreadable input whose letters have at most a number."""
    with ledger.reading() as connection:
        return [source for (source,) in connection.execute(_UNREADABLE_BEFORE, (UNREADABLE, number))]


def drop_letters(ledger: Ledger, sources: Sequence[str]) -> None:
    """Delete the letters of unreadable input from `sources`, and those of resources that are no longer open."""
    with ledger.writing() as connection:
        connection.executemany("DELETE FROM dead_letters WHERE letter = ?", [(source,) for source in sources])
        connection.execute(_DROP_CLOSED, _OPEN_STATES)
        connection.execute(_DROP_CONTENTS)


_LAST_NUMBER = "SELECT coalesce(max(number), 0) FROM dead_letters"
_COLUMNS = (
    *("letter", "number", "rejected_at", "resource_type", "resource_id", "http_status", "shown_reason"),
    *("missing_target", "source", "bundle", "origin", "as_of", "content_hash"),
)
_PUT_LETTER = f"""
    INSERT INTO dead_letters ({", ".join(_COLUMNS)}) VALUES ({", ".join("?" * len(_COLUMNS))})
    ON CONFLICT (letter) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
"""
_PUT_CONTENT = """
    INSERT INTO dead_letter_contents (letter, reason, refers_to, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (letter) DO UPDATE SET reason = excluded.reason, refers_to = excluded.refers_to, body = excluded.body
"""
_IS_OPEN = """
    (dead_letters.origin = ? OR EXISTS (
        SELECT 1 FROM resources
        WHERE resources.resource_type = dead_letters.resource_type
        AND resources.resource_id = dead_letters.resource_id
        AND resources.state = ? AND resources.rejected_hash = dead_letters.content_hash
    ))
"""
_OPEN_STATES = (UNREADABLE, State.REJECTED)
_OPEN = f"""
    SELECT rejected_at, resource_type, resource_id, http_status, shown_reason, missing_target, source, bundle, origin,
        as_of, content_hash
    FROM dead_letters WHERE {_IS_OPEN} ORDER BY number DESC
"""
_OPEN_WITH_CONTENTS = f"""
    SELECT rejected_at, resource_type, resource_id, http_status, reason, missing_target, source, bundle, origin,
        as_of, content_hash, refers_to, body
    FROM dead_letters JOIN dead_letter_contents USING (letter) WHERE {_IS_OPEN} ORDER BY number DESC
"""
_UNREADABLE_BEFORE = "SELECT source FROM dead_letters WHERE origin = ? AND number <= ?"
_DROP_CLOSED = f"DELETE FROM dead_letters WHERE NOT {_IS_OPEN}"
_DROP_CONTENTS = "DELETE FROM dead_letter_contents WHERE letter NOT IN (SELECT letter FROM dead_letters)"
