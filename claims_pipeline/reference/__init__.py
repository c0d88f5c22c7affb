"""Reference data: codes with our own short labels, places, names, plans, each figure with its source.

Belongs here: CSV files and their readers. Does not: how the generator uses them (generate).
The files are in `data/`; comments at the top of each file name the sources of its figures.
"""

from claims_pipeline.reference.daily_care import DAILY_CARE_PATTERN
from claims_pipeline.reference.fees import conversion_factors
from claims_pipeline.reference.labels import (
    diagnosis_labels,
    place_of_service_labels,
    procedure_categories,
    procedure_labels,
    specialty_labels,
    state_codes,
)
from claims_pipeline.reference.tables import read_table, reasons_of_stories

__all__ = [
    "DAILY_CARE_PATTERN",
    "conversion_factors",
    "diagnosis_labels",
    "place_of_service_labels",
    "procedure_categories",
    "procedure_labels",
    "read_table",
    "reasons_of_stories",
    "specialty_labels",
    "state_codes",
]
