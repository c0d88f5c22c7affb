"""What every part of the loader calls a resource: its identity, canonical JSON, hash and references."""

import polars as pl
from polars_hash import CryptographicHashingNameSpace

RESOURCE_SCHEMA = pl.Schema(
    {
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "body": pl.String(),
        "content_hash": pl.String(),
        "references": pl.List(pl.String()),
    }
)
"""`body`: canonical JSON. `content_hash`: SHA-256 of it, 64 hex. `references`: distinct `Type/id` that it names."""

ID_PATTERN = r"^[A-Za-z0-9\-.]{1,64}$"
"""FHIR R4, data type `id`."""


def content_hash(body: pl.Expr) -> pl.Expr:
    """Return the SHA-256 of a column of texts as 64 hex characters."""
    hashed: pl.Expr = CryptographicHashingNameSpace(body).sha2_256()
    return hashed
