"""Details of one claim or one patient: everything that the analytics file has about them."""

from datetime import date
from typing import Any

import polars as pl
from pydantic import BaseModel, Field

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import Amount
from claims_pipeline.dashboard.filters import ClaimStatus
from claims_pipeline.dashboard.lists import Claim, Code, Patient, code_of, with_labels
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS, shown_sql
from claims_pipeline.errors import DataError
from claims_pipeline.fhir import render
from claims_pipeline.lake import Lake
from claims_pipeline.reference import place_of_service_labels, procedure_labels
from claims_pipeline.schema import CLAIMS


class Line(BaseModel):
    """One service line."""

    claim_line_number: int
    procedure: Code
    modifiers: list[str]
    diagnosis_pointers: list[int]
    line_service_date: date
    place_of_service: Code
    unit_count: int
    unit_charge_amount: Amount
    charge_amount: Amount


class Version(BaseModel):
    """One version of a claim, as the payer received it."""

    version_number: int
    claim_status: ClaimStatus
    as_of_date: date = Field(description="Day on which the payer received it.")
    total_charge_amount: Amount


class ClaimDetail(Claim):
    """One claim with its lines and the history of its versions."""

    organization_id: str
    organization_name: str
    location_id: str
    location_name: str
    coverage_id: str
    plan_type: str
    claim_frequency_code: str = Field(description="1 original, 7 replacement of another claim, 8 void.")
    replaced_claim_id: str | None = Field(description="The claim that this one replaces.")
    replacing_claim_id: str | None = Field(description="The claim that replaces this one.")
    lines: list[Line]
    lines_sql: str = Field(description=RUN_AS_IT_IS)
    versions: list[Version]
    versions_sql: str = Field(description=RUN_AS_IT_IS)
    fhir_url: str = Field(description="The claim on the FHIR server, if it is loaded.")


class CoverageSpan(BaseModel):
    """One coverage that a claim of the patient names, or that pays second beside such a one."""

    coverage_id: str
    payer_name: str | None
    plan_name: str
    plan_type: str
    coverage_start_date: date
    coverage_end_date: date


class PatientDetail(Patient):
    """One patient with the coverages that claims name and what pays second beside them."""

    address_line: str
    zip_code: str
    first_received_date: date
    coverages: list[CoverageSpan]
    coverages_sql: str = Field(description=RUN_AS_IT_IS)
    claims: str = Field(description="Address of the patient's claims.")
    fhir_url: str = Field(description="The patient on the FHIR server, if loaded.")


_LINES = """
select claim_line_number, hcpcs_code, modifiers, diagnosis_pointers, line_service_date, place_of_service_code,
    unit_count, unit_charge_amount, charge_amount
from claim_lines where claim_id = ? order by claim_line_number"""
_VERSIONS = """
select version_number, claim_status, as_of_date, total_charge_amount
from claim_versions where claim_id = ? order by version_number"""
_COVERAGES = """
select coverage_id, payer_name, plan_name, plan_type, coverage_start_date, coverage_end_date
from coverages_current where patient_id = ? order by coverage_start_date, coverage_id"""


class NotFound(DataError):
    """There is no claim, patient or provider with this id."""


def claim_detail(view: View, claim_id: str, *, fhir_base_url: str) -> ClaimDetail:
    """Return a claim in its current version, with its lines and versions.

    Raises:
        NotFound: the build has no such claim.
    """
    found = view.select("select * from claims_current where claim_id = ?", claim_id)
    if not found:
        raise NotFound(f"there is no claim {claim_id}", where="/api/claims", fix="/api/claims lists them")
    procedures, places = procedure_labels(), place_of_service_labels()
    replacing = view.select("select claim_id from claims_current where replaced_claim_id = ?", claim_id)
    detail = with_labels(found)[0] | {
        "lines": [
            line
            | {
                "procedure": code_of(line["hcpcs_code"], procedures),
                "place_of_service": code_of(line["place_of_service_code"], places),
            }
            for line in view.select(_LINES, claim_id)
        ],
        "lines_sql": shown_sql(_LINES, [claim_id]),
        "versions": view.select(_VERSIONS, claim_id),
        "versions_sql": shown_sql(_VERSIONS, [claim_id]),
        "replacing_claim_id": replacing[0]["claim_id"] if replacing else None,
        "fhir_url": f"{fhir_base_url}/Claim/{claim_id}",
    }
    return ClaimDetail.model_validate(detail)


def claim_as_fhir(view: View, claim_id: str, lake: Lake) -> str:
    """Return a claim's current version as JSON of the FHIR resource that is loaded, made from the lake's row.

    Raises:
        NotFound: the build has no such claim.
        DataError: the lake has no such row any more.
    """
    found = view.select("select as_of_date from claims_current where claim_id = ?", claim_id)
    if not found:
        raise NotFound(f"there is no claim {claim_id}", where="/api/claims", fix="/api/claims lists them")
    day = found[0]["as_of_date"]
    row = lake.scan(CLAIMS, [day]).filter(pl.col("claim_id") == claim_id).select(CLAIMS.polars_schema.names()).collect()
    if row.is_empty():
        raise DataError(
            f"the lake has no {claim_id} on {day} any more", where=str(lake.path(CLAIMS, day)), fix="claims aggregate"
        )
    body: str = render(CLAIMS, row)["body"][0]
    return body


def patient_detail(view: View, patient_id: str, *, fhir_base_url: str) -> PatientDetail:
    """Return a patient at the last known address, with the coverages that claims name and what pays second.

    Raises:
        NotFound: the build has no claim of such a patient.
    """
    found = view.select(
        "select * from patients_current join patient_totals using (patient_id, patient_number) where patient_id = ?",
        patient_id,
    )
    if not found:
        raise NotFound(f"there is no patient {patient_id}", where="/api/patients", fix="/api/patients lists them")
    detail: dict[str, Any] = found[0] | {
        "coverages": view.select(_COVERAGES, patient_id),
        "coverages_sql": shown_sql(_COVERAGES, [patient_id]),
        "claims": f"/api/claims?patient={patient_id}",
        "fhir_url": f"{fhir_base_url}/Patient/{patient_id}",
    }
    return PatientDetail.model_validate(detail)
