"""The models: tables of the analytics file, in the order in which they are built."""

import hashlib

from claims_pipeline.aggregate.detail import DETAIL
from claims_pipeline.aggregate.model import Model
from claims_pipeline.aggregate.totals import TOTALS
from claims_pipeline.reference import read_table

MODELS: tuple[Model, ...] = (*DETAIL, *TOTALS)
REFERENCES: tuple[str, ...] = tuple(sorted({name for model in MODELS for name in model.references}))


def models_digest() -> str:
    """Return the SHA-256 of all models and of what they refer to; another version has another one."""
    text = [f"{model.name}\n{model.sql}" for model in MODELS] + [read_table(name).write_csv() for name in REFERENCES]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
