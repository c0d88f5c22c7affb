"""What of a chunk of resources the server does not have yet: the join of content hashes with the ledger."""

from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import RESOURCES
from claims_pipeline.load.resource import CHUNK_SCHEMA, KEY

INCOMING = sa.Table(
    "incoming",
    sa.MetaData(),
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("resource_type", sa.Text),
    sa.Column("resource_id", sa.Text),
    sa.Column("content_hash", sa.Text),
    sa.Column("as_of", sa.Text),
    prefixes=["TEMPORARY"],
)

_INSERT_INCOMING = sa.insert(INCOMING)

_KNOWN = (
    RESOURCES.c.state,
    RESOURCES.c.content_hash,
    RESOURCES.c.as_of,
    RESOURCES.c.rejected_hash,
    RESOURCES.c.missing_target,
)

_KNOWN_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),
        "known_state": pl.String(),
        "known_hash": pl.String(),
        "known_as_of": pl.String(),
        "rejected_hash": pl.String(),
        "missing_target": pl.String(),
    }
)


@dataclass(frozen=True)
class Delta:
    """A chunk, split: each row is in exactly one of the first four frames (columns of `CHUNK_SCHEMA`).

    Attributes:
        to_send: the server does not have it.
        unchanged: the server has it.
        superseded: an older version of something that the server has, or that is on its way to it.
        still_rejected: was rejected, has not changed, and is not sent again.
        to_touch: those of `unchanged` that a later partition than the ledger knows of holds now.
    """

    to_send: pl.DataFrame
    unchanged: pl.DataFrame
    superseded: pl.DataFrame
    still_rejected: pl.DataFrame
    to_touch: pl.DataFrame


def diff(
    ledger: Ledger,
    chunk: pl.DataFrame,
    *,
    on_their_way: pl.DataFrame | None = None,
    released: frozenset[str] = frozenset(),
    full: bool = False,
) -> Delta:
    """Split a chunk by what the ledger knows.

    Args:
        ledger: what the server holds.
        chunk: columns of `CHUNK_SCHEMA`; where an id comes twice, the first row is the one that counts.
        on_their_way: key and content_hash of newer versions that are being sent, not yet in the ledger.
        released: "Type/id@day" that the partition of that day held last, and holds no more: an older version of
            these may be sent.
        full: send what the server has as well.
    """
    rows = chunk.with_row_index("row")
    newest = rows.unique(KEY, keep="first", maintain_order=True)
    if on_their_way is not None and on_their_way.height:
        newest = newest.join(on_their_way, on=KEY, how="anti", maintain_order="left")
    judged = newest.join(_known(ledger, newest, full=full), on="row", how="left", maintain_order="left")
    judged = judged.with_columns(_verdict(released, full=full).alias("verdict"))
    older = _older(rows, newest, on_their_way)
    everything = pl.concat([judged, older], how="diagonal")

    def those(*verdicts: str) -> pl.DataFrame:
        return everything.filter(pl.col("verdict").is_in(verdicts)).select(CHUNK_SCHEMA.names())

    return Delta(
        to_send=those("send"),
        unchanged=those("unchanged", "touch"),
        superseded=those("superseded"),
        still_rejected=those("still rejected"),
        to_touch=those("touch"),
    )


def _known(ledger: Ledger, rows: pl.DataFrame, *, full: bool) -> pl.DataFrame:
    """Return what the ledger knows of rows; those that are plainly unchanged have state 'same'."""
    incoming = rows.select("row", *KEY, "content_hash", "as_of")
    same_key = sa.and_(
        RESOURCES.c.resource_type == INCOMING.c.resource_type, RESOURCES.c.resource_id == INCOMING.c.resource_id
    )
    is_same = sa.and_(
        RESOURCES.c.state == "loaded",
        RESOURCES.c.content_hash.is_not_distinct_from(INCOMING.c.content_hash),
        RESOURCES.c.as_of >= INCOMING.c.as_of,
    )
    query = sa.select(INCOMING.c.row, *_KNOWN).join_from(INCOMING, RESOURCES, same_key, isouter=True)
    if not full:
        query = query.where(sa.or_(RESOURCES.c.resource_id.is_(None), sa.not_(is_same)))
    with ledger.reading() as connection:
        INCOMING.create(connection, checkfirst=True)
        connection.execute(sa.delete(INCOMING))
        execute_many(connection, _INSERT_INCOMING, incoming.rows())
        found = connection.execute(query).all()
    known = pl.DataFrame([tuple(row) for row in found], schema=_KNOWN_SCHEMA, orient="row")
    same = rows.join(known, on="row", how="anti").select("row", known_state=pl.lit("same"))
    return pl.concat([known, same], how="diagonal")


def _verdict(released: frozenset[str], *, full: bool) -> pl.Expr:
    version = pl.format("{}/{}@{}", pl.col("resource_type"), pl.col("resource_id"), pl.col("known_as_of"))
    has_vanished = pl.col("known_state") == "vanished"  # the later version that the ledger knows is in no partition
    is_older = (pl.col("as_of") != "") & (pl.col("known_as_of") > pl.col("as_of")) & ~has_vanished
    if released:
        is_older = is_older & ~version.is_in(list(released))
    is_equal = pl.col("known_hash") == pl.col("content_hash")
    was_rejected = (pl.col("known_state") == "rejected") & (pl.col("rejected_hash") == pl.col("content_hash"))
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


def _older(rows: pl.DataFrame, newest: pl.DataFrame, on_their_way: pl.DataFrame | None) -> pl.DataFrame:
    """Return the rows of which a newer version precedes them in the chunk or is on its way."""
    older = rows.join(newest.select("row"), on="row", how="anti", maintain_order="left")
    decided = newest.select(*KEY, "content_hash")
    if on_their_way is not None:
        decided = pl.concat([decided, on_their_way.select(*KEY, "content_hash")])
    decided = decided.rename({"content_hash": "newest_hash"})
    is_equal = pl.col("newest_hash") == pl.col("content_hash")
    return older.join(decided, on=KEY, how="left", maintain_order="left").with_columns(
        pl.when(is_equal).then(pl.lit("unchanged")).otherwise(pl.lit("superseded")).alias("verdict")
    )
