"""The chunks of a load that were sent, or are waiting to be sent, and are not settled yet."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from claims_pipeline.load.resource import KEY

KEYS_SCHEMA = pl.Schema({**dict.fromkeys(KEY, pl.String()), "content_hash": pl.String()})


@dataclass
class Underway:
    """The resources of a chunk that were sent or are waiting to be sent.

    Attributes:
        keys: columns of `KEYS_SCHEMA`.
        unsettled: how many of them have no result yet; all in a dry run.
    """

    keys: pl.DataFrame
    unsettled: int

    @classmethod
    def of(cls, resources: pl.DataFrame) -> "Underway":
        """Return a chunk (columns of `resource.CHUNK_SCHEMA`) of which nothing is settled yet."""
        return cls(resources.select(KEYS_SCHEMA.names()), resources.height)


def unsettled(chunks: Iterable[Underway]) -> list[Underway]:
    """Return the chunks that are not settled yet; the ledger has all results of the others."""
    return [chunk for chunk in chunks if chunk.unsettled]


def keys_underway(chunks: Iterable[Underway]) -> pl.DataFrame:
    """Return the keys of the resources of chunks that are not settled yet (columns of `KEYS_SCHEMA`)."""
    return pl.concat([KEYS_SCHEMA.to_frame(), *(chunk.keys for chunk in unsettled(chunks))])
