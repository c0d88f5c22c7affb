"""Compares chunks of resources with the ledger: which resources have to be sent, and which targets it does not know.

`diff` compares content hashes. `unknown_targets` looks for what resources refer to, because a server names only the
first missing target of a transaction, and HAPI FHIR does not look at references without a search parameter at all
(`Claim.insurance.coverage`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from claims_pipeline.load.ledger.holdings import fill_targets
from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, KEY, file_of

_MAKE_INCOMING = """
    CREATE TEMPORARY TABLE IF NOT EXISTS incoming (
        "row" INTEGER PRIMARY KEY, resource_type TEXT, resource_id TEXT, content_hash TEXT, as_of TEXT, source TEXT
    )
"""
_ADD_INCOMING = """
    INSERT INTO incoming ("row", resource_type, resource_id, content_hash, as_of, source) VALUES (?, ?, ?, ?, ?, ?)
"""
_KNOWN = """
    SELECT "row", state, resources.content_hash, resources.as_of, rejected_hash, missing_target, labels
    FROM incoming LEFT JOIN resources USING (resource_type, resource_id)
"""
_UNLESS_SAME = f"""
    WHERE state IS NULL OR NOT (
        state = '{State.LOADED}'
        AND resources.content_hash IS NOT DISTINCT FROM incoming.content_hash
        AND resources.as_of >= incoming.as_of
        AND (incoming.source IS NULL OR origin <> '{FILES}' OR resources.source IS NOT DISTINCT FROM incoming.source)
    )
"""

_KNOWN_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),
        "known_state": pl.String(),
        "known_hash": pl.String(),
        "known_as_of": pl.String(),
        "rejected_hash": pl.String(),
        "missing_target": pl.String(),
        "known_labels": pl.String(),
    }
)

_NOT_HELD = """
    SELECT resource_type, resource_id, state, missing_target
    FROM targets LEFT JOIN resources USING (resource_type, resource_id) WHERE content_hash IS NULL
"""


@dataclass(frozen=True)
class Delta:
    """A chunk, split: each row is in exactly one of the first four frames (columns of `CHUNK_SCHEMA`).

    Attributes:
        to_send: the server does not have it.
        unchanged: the server has it.
        superseded: an older version of a resource that the server has, or that is in flight.
        still_rejected: was rejected, has not changed, and is not sent again.
        to_touch: those of `unchanged` that a later partition, or another file, than the ledger knows of holds now.
        known_labels: by "Type/id", the labels that those of `to_send` have on the server, as far as they are known.
    """

    to_send: pl.DataFrame
    unchanged: pl.DataFrame
    superseded: pl.DataFrame
    still_rejected: pl.DataFrame
    to_touch: pl.DataFrame
    known_labels: dict[str, str]


class Unknown(NamedTuple):
    """What the ledger says of a target that it does not know to be on the server.

    Attributes:
        was_rejected: it was rejected.
        lacked: "Type/id" of what it was rejected for, if that is something else that was missing.
    """

    was_rejected: bool
    lacked: str | None


def diff(
    ledger: Ledger,
    chunk: pl.DataFrame,
    *,
    in_flight: pl.DataFrame | None = None,
    released: frozenset[str] = frozenset(),
    full: bool = False,
    origin: str = "",
) -> Delta:
    """Split a chunk by what the ledger knows.

    Args:
        ledger: what the server holds.
        chunk: columns of `CHUNK_SCHEMA`; where an id comes twice, the first row is the one that counts.
        in_flight: key and content_hash of newer versions that are in flight, not yet in the ledger.
        released: "Type/id@day" that the partition of that day held when it was last loaded, and no longer
            holds: an older version of these may be sent.
        full: send what the server has as well.
        origin: the lake's table, or "files", whose files the ledger knows.
    """
    rows = chunk.with_row_index("row")
    newest = rows.unique(KEY, keep="first", maintain_order=True)
    if in_flight is not None and in_flight.height:
        newest = newest.join(in_flight, on=KEY, how="anti", maintain_order="left")
    judged = newest.join(_known(ledger, newest, origin, full=full), on="row", how="left", maintain_order="left")
    judged = judged.with_columns(_verdict(released, full=full).alias("verdict"))
    older = _older(rows, newest, in_flight)
    everything = pl.concat([judged, older], how="diagonal")

    def rows_with(*verdicts: str) -> pl.DataFrame:
        return everything.filter(pl.col("verdict").is_in(verdicts)).select(CHUNK_SCHEMA.names())

    return Delta(
        to_send=rows_with("send"),
        unchanged=rows_with("unchanged", "touch"),
        superseded=rows_with("superseded"),
        still_rejected=rows_with("still rejected"),
        to_touch=rows_with("touch"),
        known_labels=_labels(judged.filter(verdict="send")),
    )


def _known(ledger: Ledger, rows: pl.DataFrame, origin: str, *, full: bool) -> pl.DataFrame:
    """Return what the ledger knows of rows; unchanged rows have state 'same'."""
    files = {source: file_of(source) for source in rows["source"].unique()} if origin == FILES else {}
    source = pl.col("source").replace_strict(files, default=None, return_dtype=pl.String())
    incoming = rows.select("row", *KEY, "content_hash", "as_of", source)
    with ledger.reading() as connection:
        connection.execute(_MAKE_INCOMING)
        connection.execute("DELETE FROM incoming")
        connection.executemany(_ADD_INCOMING, incoming.rows())
        found = connection.execute(_KNOWN if full else _KNOWN + _UNLESS_SAME).fetchall()
    known = pl.DataFrame(found, schema=_KNOWN_SCHEMA, orient="row")
    same = rows.join(known, on="row", how="anti").select("row", known_state=pl.lit("same"))
    return pl.concat([known, same], how="diagonal")


def _labels(rows: pl.DataFrame) -> dict[str, str]:
    known = rows.filter(pl.col("known_labels") != "[]").select(_name(), "known_labels")
    return dict(known.iter_rows())


def _verdict(released: frozenset[str], *, full: bool) -> pl.Expr:
    version = pl.format("{}/{}@{}", pl.col("resource_type"), pl.col("resource_id"), pl.col("known_as_of"))
    has_vanished = pl.col("known_state") == State.VANISHED  # the later version that the ledger knows is in no partition
    is_older = (pl.col("as_of") != "") & (pl.col("known_as_of") > pl.col("as_of")) & ~has_vanished
    if released:
        is_older = is_older & ~version.is_in(list(released))
    is_equal = pl.col("known_hash") == pl.col("content_hash")
    was_rejected = (pl.col("known_state") == State.REJECTED) & (pl.col("rejected_hash") == pl.col("content_hash"))
    unless_full = pl.lit(not full)
    return (
        pl.when(pl.col("known_state") == "same")
        .then(pl.lit("unchanged"))
        .when(pl.col("known_state").is_null())
        .then(pl.lit("send"))
        .when(is_older & is_equal)
        .then(pl.lit("unchanged"))
        .when(is_older)
        .then(pl.lit("superseded"))
        .when(was_rejected & pl.col("missing_target").is_null() & unless_full)
        .then(pl.lit("still rejected"))
        .when(is_equal & unless_full)
        .then(pl.lit("touch"))
        .otherwise(pl.lit("send"))
    )


def _older(rows: pl.DataFrame, newest: pl.DataFrame, in_flight: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows of which a newer version precedes them in the chunk or is in flight."""
    older = rows.join(newest.select("row"), on="row", how="anti", maintain_order="left")
    decided = newest.select(*KEY, "content_hash")
    if in_flight is not None:
        decided = pl.concat([decided, in_flight.select(*KEY, "content_hash")])
    decided = decided.rename({"content_hash": "newest_hash"})
    is_equal = pl.col("newest_hash") == pl.col("content_hash")
    return older.join(decided, on=KEY, how="left", maintain_order="left").with_columns(
        pl.when(is_equal).then(pl.lit("unchanged")).otherwise(pl.lit("superseded")).alias("verdict")
    )


def unknown_targets(ledger: Ledger, resources: pl.DataFrame) -> dict[str, Unknown]:
    """Return the targets of `resources` that the ledger does not know to be on the server.

    Args:
        ledger: what the server holds.
        resources: columns of `resource.CHUNK_SCHEMA`; what they hold themselves counts as known.

    Returns:
        By "Type/id", those that lacked nothing themselves first, otherwise in the order of the references.
    """
    own = resources.select(_name().alias("target"))
    targets = resources.select(pl.col("references").explode().alias("target")).drop_nulls().unique(maintain_order=True)
    targets = targets.join(own, on="target", how="anti", maintain_order="left")
    parts = targets.select(pl.col("target").str.split_exact("/", 1).struct.unnest())
    with ledger.reading() as connection:
        fill_targets(connection, parts.rows())
        found = {
            f"{resource_type}/{resource_id}": Unknown(state == State.REJECTED, missing_target)
            for resource_type, resource_id, state, missing_target in connection.execute(_NOT_HELD)
        }
    unknown = [target for target in targets["target"] if target in found]
    return {target: found[target] for target in sorted(unknown, key=lambda target: found[target].lacked is not None)}


def _name() -> pl.Expr:
    return pl.concat_str(pl.col("resource_type"), pl.lit("/"), pl.col("resource_id"))
