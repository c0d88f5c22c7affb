"""The models: tables of the analytics file, in the order in which they are built, and the function they come with."""

import hashlib

from claims_pipeline.aggregate.detail import DETAIL
from claims_pipeline.aggregate.model import Model
from claims_pipeline.aggregate.totals import TOTALS

MODELS: tuple[Model, ...] = (*DETAIL, *TOTALS)
REFERENCES: tuple[str, ...] = tuple(sorted({name for model in MODELS for name in model.references}))

COUNT_PATIENTS = """create macro count_patients(patient_numbers) as
    coalesce(bit_count(bitstring_agg(patient_numbers, 1, {patient_count})), 0)::bigint"""
"""A function of the analytics file: `count(distinct patient_number)`, by a bit for each patient of the file.

It takes a third of the time of a hash table, and memory for all patients in each group and thread, so it is for few
groups.
"""


def models_digest() -> str:
    """Return the SHA-256 of all models; a file with another digest was built by another version."""
    return hashlib.sha256("".join([COUNT_PATIENTS, *(model.digest for model in MODELS)]).encode()).hexdigest()
