"""A coverage of the lake as FHIR Coverage."""

import polars as pl

from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.fhir.template import Optional, Template, code, date, escaped, escaped_text, label, reference, text
from claims_pipeline.fhir.vocabulary import COVERAGE_TYPE_CODES, PLAN_TYPE_LABELS, SYNTHETIC, TERMINOLOGY, concept

COVERAGE: Template = {
    "resourceType": "Coverage",
    "id": code("coverage_id", ID_PATTERN),
    "meta": SYNTHETIC,
    "status": "active",
    "type": {
        "coding": Optional([{"code": code("coverage_type_code"), "system": f"{TERMINOLOGY}/v3-ActCode"}]),
        "text": escaped_text("plan_type_label"),
    },
    "subscriberId": Optional(text("member_id")),
    "beneficiary": reference("Patient", "patient_id"),
    "relationship": concept(f"{TERMINOLOGY}/subscriber-relationship", "self"),
    "period": {"start": date("coverage_start_date"), "end": Optional(date("coverage_end_date"))},
    "payor": [reference("Organization", "payer_id")],
    "class": [
        {
            "type": concept(f"{TERMINOLOGY}/coverage-class", "plan"),
            "value": code("plan_id"),
            "name": Optional(text("plan_name")),
        }
    ],
}


def with_coverage_type(coverages: pl.DataFrame) -> pl.DataFrame:
    """Add `plan_type_label` and `coverage_type_code`; a plan type that we do not know is its own label."""
    return coverages.with_columns(
        plan_type_label=label("plan_type", PLAN_TYPE_LABELS).fill_null(escaped(pl.col("plan_type"))),
        coverage_type_code=label("plan_type", COVERAGE_TYPE_CODES),
    )
