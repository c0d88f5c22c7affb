"""What of the chunks is on its way to the server: newer than what the ledger knows."""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from claims_pipeline.load.resource import KEY

KEYS_SCHEMA = pl.Schema({**dict.fromkeys(KEY, pl.String()), "content_hash": pl.String()})


@dataclass
class Underway:
    """What of a chunk was sent, or is about to be.

    Attributes:
        keys: columns of `KEYS_SCHEMA`.
        unsettled: how many of them have no end yet; in a dry run, where nothing has one, all.
    """

    keys: pl.DataFrame
    unsettled: int

    @classmethod
    def of(cls, resources: pl.DataFrame) -> "Underway":
        """Return a chunk (columns of `resource.CHUNK_SCHEMA`) of which all is on its way."""
        return cls(resources.select(KEYS_SCHEMA.names()), resources.height)


def unsettled(chunks: Iterable[Underway]) -> list[Underway]:
    """Return the chunks of which something has no end yet; the ledger knows all of the others."""
    return [chunk for chunk in chunks if chunk.unsettled]


def keys_underway(chunks: Iterable[Underway]) -> pl.DataFrame:
    """Return the keys of those chunks (columns of `KEYS_SCHEMA`)."""
    return pl.concat([KEYS_SCHEMA.to_frame(), *(chunk.keys for chunk in unsettled(chunks))])
