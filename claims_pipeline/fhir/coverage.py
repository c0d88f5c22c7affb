"""A coverage of the lake as FHIR Coverage."""

import polars as pl

from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.fhir.template import (
    NOT_BLANK,
    Optional,
    Template,
    code,
    date,
    escaped,
    escaped_text,
    json_column,
    label,
    number,
    reference,
    text,
)
from claims_pipeline.fhir.vocabulary import (
    COVERAGE_TYPE_CODES,
    MEMBER_NUMBER,
    PAYMENT_SOURCE_CODES,
    PLAN_TYPE_LABELS,
    SOURCE_OF_PAYMENT,
    TERMINOLOGY,
    TEST_DATA,
    US_CORE,
    concept,
)

COVERAGE: Template = {
    "resourceType": "Coverage",
    "id": code("coverage_id", ID_PATTERN),
    "meta": {"profile": Optional(json_column("coverage_profiles")), "security": [dict(TEST_DATA)]},
    "identifier": Optional(
        [
            {
                "type": concept(f"{TERMINOLOGY}/v2-0203", "MB"),
                "system": MEMBER_NUMBER,
                "value": text("member_id"),
            }
        ]
    ),
    "status": "active",
    "type": {
        "coding": Optional(
            [
                {"code": code("payment_source_code"), "system": SOURCE_OF_PAYMENT},
                {"code": code("coverage_type_code"), "system": f"{TERMINOLOGY}/v3-ActCode"},
            ]
        ),
        "text": escaped_text("plan_type_label"),
    },
    "subscriber": reference("Patient", "subscriber_id"),
    "subscriberId": Optional(text("member_id")),
    "beneficiary": reference("Patient", "patient_id"),
    "dependent": Optional(code("dependent")),
    "relationship": concept(f"{TERMINOLOGY}/subscriber-relationship", code("relationship")),
    "period": {"start": date("coverage_start_date"), "end": Optional(date("coverage_end_date"))},
    "order": Optional(number("coverage_order")),
    "payor": [reference("Organization", "payer_id")],
    "class": [
        {
            "type": concept(f"{TERMINOLOGY}/coverage-class", "plan"),
            "value": code("plan_id"),
            "name": Optional(text("plan_name")),
        }
    ],
}

_PROFILES = f'["{US_CORE}/us-core-coverage"]'


def with_coverage_type(coverages: pl.DataFrame) -> pl.DataFrame:
    """Add labels and codes of the plan's type, a dependent's number, and the profiles that the coverage conforms to.

    A plan type that we do not know is its own label. US Core requires a member number (its invariant us-core-15), so a
    coverage without one declares no profile.
    """
    return coverages.with_columns(
        plan_type_label=label("plan_type", PLAN_TYPE_LABELS).fill_null(escaped(pl.col("plan_type"))),
        coverage_type_code=label("plan_type", COVERAGE_TYPE_CODES),
        payment_source_code=label("plan_type", PAYMENT_SOURCE_CODES),
        dependent=pl.when(pl.col("dependent_number") > 0).then(pl.col("dependent_number").cast(pl.String)),
        coverage_profiles=pl.when(pl.col("member_id").str.contains(NOT_BLANK)).then(pl.lit(_PROFILES)),
    )
