"""Details of one claim or one patient: everything that the analytics file has about them."""

from typing import Any

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.answers import ClaimDetail, PatientDetail
from claims_pipeline.dashboard.lists import code_of, with_labels
from claims_pipeline.errors import DataError
from claims_pipeline.reference import place_of_service_labels, procedure_labels


class NotFound(DataError):
    """There is no claim or patient with this id."""


def claim_detail(view: View, claim_id: str, *, fhir_base_url: str) -> ClaimDetail:
    """Return a claim in its current version, with its lines and versions.

    Raises:
        NotFound: the build has no such claim.
    """
    found = view.select("select * from claims_current where claim_id = ?", claim_id)
    if not found:
        raise NotFound(f"there is no claim {claim_id}", where="/api/claims", fix="/api/claims lists them")
    procedures, places = procedure_labels(), place_of_service_labels()
    lines = view.select("select * from claim_lines where claim_id = ? order by claim_line_number", claim_id)
    versions = view.select("select * from claim_versions where claim_id = ? order by version_number", claim_id)
    detail = with_labels(found)[0] | {
        "lines": [
            line
            | {
                "procedure": code_of(line["hcpcs_code"], procedures),
                "place_of_service": code_of(line["place_of_service_code"], places),
            }
            for line in lines
        ],
        "versions": versions,
        "fhir_url": f"{fhir_base_url}/Claim/{claim_id}",
    }
    return ClaimDetail.model_validate(detail)


def patient_detail(view: View, patient_id: str, *, fhir_base_url: str) -> PatientDetail:
    """Return a patient at the last known address, with the coverages that claims name.

    Raises:
        NotFound: the build has no claim of such a patient.
    """
    found = view.select(
        "select * from patients_current join patient_totals using (patient_id) where patient_id = ?", patient_id
    )
    if not found:
        raise NotFound(f"there is no patient {patient_id}", where="/api/patients", fix="/api/patients lists them")
    coverages = view.select(
        "select * from coverages_current where patient_id = ? order by coverage_start_date", patient_id
    )
    detail: dict[str, Any] = found[0] | {
        "coverages": coverages,
        "claims": f"/api/claims?patient={patient_id}",
        "fhir_url": f"{fhir_base_url}/Patient/{patient_id}",
    }
    return PatientDetail.model_validate(detail)
