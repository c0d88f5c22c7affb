"""The feed: who is insured, who is seen, which claims and versions the payer receives on a day.

Belongs here: the model, as pure functions of (feed, day), and writing its tables into a lake.
Does not: reference data (reference), what partitions are (lake), FHIR (fhir), measuring the result (fidelity).
"""

from claims_pipeline.generate.claims.plan import are_latest
from claims_pipeline.generate.directory import directory
from claims_pipeline.generate.lake_years import enrolled_until, missing_years
from claims_pipeline.generate.numbers.identifiers import patient_indices
from claims_pipeline.generate.people.enrollment import enrollment
from claims_pipeline.generate.report import GenerateReport
from claims_pipeline.generate.write import (
    OnDays,
    OnTables,
    generate_range,
    write_claims,
    write_coverages,
    write_directory,
    write_enrollment,
    write_patients,
    write_visits,
)

__all__ = [
    "GenerateReport",
    "OnDays",
    "OnTables",
    "are_latest",
    "directory",
    "enrolled_until",
    "enrollment",
    "generate_range",
    "missing_years",
    "patient_indices",
    "write_claims",
    "write_coverages",
    "write_directory",
    "write_enrollment",
    "write_patients",
    "write_visits",
]
