"""A claim of the lake as FHIR Claim.

Diagnoses and items are rendered one row an element, then joined to arrays, so that the claim's own template stays flat.
A replacement names the claim that it replaces by its number, as a payer receives it, not by a literal reference: each
partition can be loaded alone, before the one that the other claim is in. R4 has no element for the frequency code.
"""

import json

import polars as pl

from claims_pipeline.fhir.checks import require_allowed_values
from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.fhir.template import (
    Optional,
    Template,
    array,
    code,
    compile_template,
    date,
    escaped_text,
    json_column,
    label,
    number,
    reference,
    text,
)
from claims_pipeline.fhir.vocabulary import (
    CLAIM_NUMBER,
    CPT,
    HCPCS,
    ICD_10_CM,
    PLACE_OF_SERVICE,
    SYNTHETIC,
    TERMINOLOGY,
    concept,
)
from claims_pipeline.reference import diagnosis_labels, procedure_labels

_STATUS_PATTERN = r"^(active|cancelled|draft|entered-in-error)$"
_ICD_10_CM_PATTERN = r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$"
_HCPCS_PATTERN = r"^[A-Z0-9]{5}$"
_MODIFIER_PATTERN = r"^[A-Z0-9]{2}$"


def _money(column: str) -> Template:
    return {"value": number(column), "currency": "USD"}


CLAIM: Template = {
    "resourceType": "Claim",
    "id": code("claim_id", ID_PATTERN),
    "meta": SYNTHETIC,
    "identifier": [{"system": CLAIM_NUMBER, "value": code("claim_id")}],
    "status": code("claim_status", _STATUS_PATTERN),
    "type": concept(f"{TERMINOLOGY}/claim-type", "professional"),
    "use": "claim",
    "patient": {**reference("Patient", "patient_id"), "display": Optional(text("patient_name"))},
    "billablePeriod": {"start": date("claim_start_date"), "end": date("claim_end_date")},
    "created": date("received_date"),
    "insurer": reference("Organization", "payer_id"),
    "provider": reference("Organization", "organization_id"),
    "priority": concept(f"{TERMINOLOGY}/processpriority", "normal"),
    "facility": reference("Location", "location_id"),
    "related": Optional(
        [
            {
                "claim": {
                    "type": "Claim",
                    "identifier": {"system": CLAIM_NUMBER, "value": code("replaced_claim_id", ID_PATTERN)},
                },
                "relationship": concept(f"{TERMINOLOGY}/ex-relatedclaimrelationship", "prior"),
            }
        ]
    ),
    "careTeam": [
        {
            "sequence": 1,
            "provider": reference("Practitioner", "practitioner_id"),
            "role": concept(f"{TERMINOLOGY}/claimcareteamrole", "primary"),
        }
    ],
    "diagnosis": Optional(array("diagnoses")),
    "insurance": [{"sequence": 1, "focal": True, "coverage": reference("Coverage", "coverage_id")}],
    "item": Optional(array("items")),
    "total": _money("total_charge_amount"),
}

DIAGNOSIS: Template = {
    "sequence": number("sequence"),
    "diagnosisCodeableConcept": {
        **concept(ICD_10_CM, code("diagnosis_code", _ICD_10_CM_PATTERN)),
        "text": Optional(escaped_text("diagnosis_label")),
    },
}

ITEM: Template = {
    "sequence": number("claim_line_number"),
    "careTeamSequence": [1],
    "diagnosisSequence": Optional(array("diagnosis_sequences")),
    "productOrService": {
        **concept(json_column("procedure_system"), code("hcpcs_code", _HCPCS_PATTERN)),
        "text": Optional(escaped_text("procedure_label")),
    },
    "modifier": Optional(array("modifier_concepts")),
    "servicedDate": date("line_service_date"),
    "locationCodeableConcept": {
        **concept(PLACE_OF_SERVICE, code("place_of_service_code")),
        "text": Optional(text("facility_place")),
    },
    "quantity": {"value": number("unit_count")},
    "unitPrice": _money("unit_charge_amount"),
    "net": _money("charge_amount"),
}

MODIFIER: Template = concept(json_column("modifier_system"), code("modifier", _MODIFIER_PATTERN))


def with_diagnoses_and_items(claims: pl.DataFrame) -> pl.DataFrame:
    """Add `diagnoses` and `items`, the elements of a claim's arrays, null where an array would be empty.

    Raises:
        DataError: a diagnosis or a line has a code that is missing or not allowed.
    """
    indexed = claims.with_row_index("row")
    with_diagnoses = _joined(indexed, _diagnoses(indexed), "row")
    return _joined(with_diagnoses, _items(indexed), "row").drop("row")


def _diagnoses(claims: pl.DataFrame) -> pl.DataFrame:
    """Return `row` and `diagnoses` of the claims that have a diagnosis."""
    codes = pl.col("diagnosis_codes")
    flat = (
        claims.filter(codes.list.len() > 0)
        .select("row", "claim_id", diagnosis_code=codes, sequence=pl.int_ranges(1, codes.list.len() + 1))
        .explode("diagnosis_code", "sequence")
        .with_columns(diagnosis_label=label("diagnosis_code", diagnosis_labels()))
    )
    return _arrays(flat, DIAGNOSIS, by="row", name="diagnoses")


def _items(claims: pl.DataFrame) -> pl.DataFrame:
    """Return `row` and `items` of the claims that have a line."""
    pointers = pl.col("diagnosis_pointers").cast(pl.List(pl.String))
    lines = (
        claims.filter(pl.col("lines").list.len() > 0)
        .select("row", "claim_id", "facility_city", "facility_state", "lines")
        .explode("lines")
        .unnest("lines")
        .with_row_index("line_row")
        .with_columns(
            diagnosis_sequences=pl.when(pointers.list.len() > 0).then(pointers.list.join(",")),
            procedure_system=_system("hcpcs_code"),
            procedure_label=label("hcpcs_code", procedure_labels()),
            facility_place=pl.col("facility_city") + pl.lit(", ") + pl.col("facility_state"),
        )
    )
    return _arrays(_joined(lines, _modifiers(lines), "line_row"), ITEM, by="row", name="items")


def _modifiers(lines: pl.DataFrame) -> pl.DataFrame:
    """Return `line_row` and `modifier_concepts` of the lines that have a modifier."""
    flat = (
        lines.filter(pl.col("modifiers").list.len() > 0)
        .select("line_row", "claim_id", modifier="modifiers")
        .explode("modifier")
        .with_columns(modifier_system=_system("modifier"))
    )
    return _arrays(flat, MODIFIER, by="line_row", name="modifier_concepts")


def _arrays(flat: pl.DataFrame, template: Template, *, by: str, name: str) -> pl.DataFrame:
    """Render every row of `flat` and join those of one `by` as the elements of an array, in the column `name`."""
    require_allowed_values(flat, template, id_column="claim_id")
    rendered = flat.select(pl.col(by).set_sorted(), compile_template(template).alias(name))
    grouped = rendered.group_by(by, maintain_order=True).agg(name)  # of a sorted key: slices, nothing is copied
    return grouped.with_columns(pl.col(name).list.join(","))


def _joined(frame: pl.DataFrame, arrays: pl.DataFrame, on: str) -> pl.DataFrame:
    return frame.join(arrays, on=on, how="left", maintain_order="left")


def _system(column: str) -> pl.Expr:
    """Return the system of a procedure code or modifier: HCPCS level II begins with a letter, CPT with a digit."""
    is_hcpcs = pl.col(column).str.contains("^[A-Z]")
    return pl.when(is_hcpcs).then(pl.lit(json.dumps(HCPCS))).otherwise(pl.lit(json.dumps(CPT)))
