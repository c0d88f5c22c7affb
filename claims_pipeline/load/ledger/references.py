"""Whether what a resource refers to is on the server: checked before sending.

A server names only the first missing target of a transaction, and HAPI FHIR does not look at references without a
search parameter at all (`Claim.insurance.coverage`), so we look at all of them.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa

from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import RESOURCES

TARGETS = sa.Table(
    "targets",
    sa.MetaData(),
    sa.Column("resource_type", sa.Text, primary_key=True),
    sa.Column("resource_id", sa.Text, primary_key=True),
    prefixes=["TEMPORARY"],
)
_INSERT_TARGET = sa.insert(TARGETS)


class Unknown(NamedTuple):
    """What the ledger says of a target that it does not know to be on the server.

    Attributes:
        was_rejected: it was rejected.
        lacked: "Type/id" of what it was rejected for, if that is something else that was missing.
    """

    was_rejected: bool
    lacked: str | None


def unknown_targets(ledger: Ledger, resources: pl.DataFrame) -> dict[str, Unknown]:
    """Return the targets of `resources` that the ledger does not know to be on the server.

    Args:
        ledger: what the server holds of ours.
        resources: columns of `resource.CHUNK_SCHEMA`; what they hold themselves counts as known.

    Returns:
        By "Type/id", those that lacked nothing themselves first.
    """
    own = resources.select(_name().alias("target"))
    targets = resources.select(pl.col("references").explode().alias("target")).drop_nulls().unique()
    targets = targets.join(own, on="target", how="anti")
    parts = targets.select(pl.col("target").str.split_exact("/", 1).struct.unnest())
    with ledger.reading() as connection:
        TARGETS.create(connection, checkfirst=True)
        connection.execute(sa.delete(TARGETS))
        execute_many(connection, _INSERT_TARGET, parts.rows())
        same = sa.and_(
            RESOURCES.c.resource_type == TARGETS.c.resource_type, RESOURCES.c.resource_id == TARGETS.c.resource_id
        )
        columns = (TARGETS, RESOURCES.c.state, RESOURCES.c.missing_target)
        query = sa.select(*columns).join_from(TARGETS, RESOURCES, same, isouter=True)
        rows = connection.execute(query.where(RESOURCES.c.content_hash.is_(None)))
        unknown = {
            f"{row.resource_type}/{row.resource_id}": Unknown(row.state == "rejected", row.missing_target)
            for row in rows
        }
    return dict(sorted(unknown.items(), key=lambda item: item[1].lacked is not None))


def split_by_missing(resources: pl.DataFrame, missing: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split resources into those that may be sent and those that refer to something missing.

    Args:
        resources: columns of `resource.CHUNK_SCHEMA`.
        missing: why, by "Type/id", those first that count where a resource refers to several.

    Returns:
        The first with the columns of `resources`; the second also with `missing_target`, the one that counts.
    """
    if not missing:
        return resources, resources.clear().with_columns(missing_target=pl.lit(None, dtype=pl.String()))
    order = pl.DataFrame({"missing_target": list(missing)}).with_row_index("order")
    lacking = (
        resources.lazy()
        .with_row_index("row")
        .explode("references")
        .join(order.lazy(), left_on="references", right_on="missing_target")
        .group_by("row")
        .agg(pl.col("references").sort_by("order").first().alias("missing_target"))
        .collect()
    )
    marked = resources.with_row_index("row").join(lacking, on="row", how="left", maintain_order="left").drop("row")
    may_go = pl.col("missing_target").is_null()
    return marked.filter(may_go).select(resources.columns), marked.filter(~may_go)


def why_missing(target: str, unknown: Unknown, *, failed: Collection[str]) -> str:
    """Return why a resource that refers to `target` cannot be loaded."""
    if target in failed:
        return f"refers to {target}, which could not be loaded yet"
    if unknown.was_rejected:
        lacked = f" for it refers to {unknown.lacked}" if unknown.lacked else ""
        return f"refers to {target}, which was rejected{lacked}"
    return f"refers to {target}, which is neither in the input nor on the server"


def _name() -> pl.Expr:
    return pl.concat_str(pl.col("resource_type"), pl.lit("/"), pl.col("resource_id"))
