"""Writing into the ledger what the server confirmed or refused."""

from collections.abc import Sequence

import polars as pl
import sqlalchemy as sa

from claims_pipeline.load.ledger.store import Ledger, execute_many
from claims_pipeline.load.ledger.tables import PARTITIONS, RESOURCES, upsert
from claims_pipeline.load.resource import FILES, LOADED, Result


def settle(ledger: Ledger, results: Sequence[Result], origin: str) -> None:
    """Record loaded and rejected resources; failed ones are still to do and leave no trace."""
    loaded = [_row(result, origin) for result in results if result.outcome in LOADED]
    rejected = [_row(result, origin) for result in results if result.outcome == "rejected"]
    if loaded or rejected:
        with ledger.writing() as connection:
            if origin == FILES:  # the partition that held these no longer says what the server holds
                execute_many(connection, FORGET_PARTITION, [row[:2] for row in loaded])
            execute_many(connection, _UPSERT_LOADED, loaded)
            execute_many(connection, _UPSERT_REJECTED, rejected)


def touch(ledger: Ledger, unchanged: pl.DataFrame, origin: str) -> None:
    """Record the later partition that holds what the server has already (columns of `resource.CHUNK_SCHEMA`)."""
    columns = ("resource_type", "resource_id", "content_hash", "as_of")
    rows = [
        (type_, id_, "loaded", content_hash, None, as_of, origin, None, None)
        for type_, id_, content_hash, as_of in unchanged.select(columns).rows()
    ]
    if rows:
        with ledger.writing() as connection:
            execute_many(connection, _UPSERT_TOUCHED, rows)


def _row(result: Result, origin: str) -> tuple[str | None, ...]:
    resource = result.resource
    if result.outcome == "rejected":
        refused = (resource.content_hash, result.missing_target or None)
        return (*resource[:2], "rejected", None, None, resource.as_of, origin, *refused)
    return (
        *resource[:2],
        "loaded",
        resource.content_hash,
        result.version_id or None,
        resource.as_of,
        origin,
        None,
        None,
    )


_NOTHING: sa.ColumnElement[str] = sa.literal_column("''")  # not bound: bind parameters come in row order
_SLASH: sa.ColumnElement[str] = sa.literal_column("'/'")
_PARTITION_OF_ROW = (
    sa.select(RESOURCES.c.origin + sa.case((RESOURCES.c.as_of == _NOTHING, _NOTHING), else_=_SLASH + RESOURCES.c.as_of))
    .where(RESOURCES.c.resource_type == sa.bindparam("of_type"), RESOURCES.c.resource_id == sa.bindparam("of_id"))
    .scalar_subquery()
)
FORGET_PARTITION = sa.delete(PARTITIONS).where(PARTITIONS.c.name == _PARTITION_OF_ROW)
"""Forget that the partition of a resource (type, id) was loaded completely: the next load looks into it."""

_REJECTION = ("rejected_hash", "missing_target")
_UPSERT_LOADED = upsert(RESOURCES, "state", "content_hash", "version_id", "as_of", "origin", *_REJECTION)
_UPSERT_REJECTED = upsert(RESOURCES, "state", "as_of", "origin", *_REJECTION)  # what the server holds, it still holds
_UPSERT_TOUCHED = upsert(RESOURCES, "state", "as_of", "origin", *_REJECTION)
