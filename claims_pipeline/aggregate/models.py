"""The models: tables of the analytics file, in the order in which they are built."""

import hashlib

from claims_pipeline.aggregate.detail import DETAIL
from claims_pipeline.aggregate.model import Model
from claims_pipeline.aggregate.totals import TOTALS

MODELS: tuple[Model, ...] = (*DETAIL, *TOTALS)
REFERENCES: tuple[str, ...] = tuple(sorted({name for model in MODELS for name in model.references}))


def models_digest() -> str:
    """Return the SHA-256 of all models; a file with another digest was built by another version."""
    return hashlib.sha256("".join(model.digest for model in MODELS).encode()).hexdigest()
