"""A coverage of the lake as FHIR Coverage."""

from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.fhir.template import Optional, Template, code, date, reference, text
from claims_pipeline.fhir.vocabulary import SYNTHETIC, TERMINOLOGY, concept

COVERAGE: Template = {
    "resourceType": "Coverage",
    "id": code("coverage_id", ID_PATTERN),
    "meta": SYNTHETIC,
    "status": "active",
    "type": {"text": text("plan_type")},
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
