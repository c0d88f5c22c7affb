"""Patients, providers and payers as FHIR: Patient, Practitioner, Organization, Location."""

import polars as pl

from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.fhir.template import Optional, Template, code, date, escaped, escaped_text, label, reference, text
from claims_pipeline.fhir.vocabulary import (
    NPI,
    NUCC_TAXONOMY,
    PERSON_NUMBER,
    PLACE_OF_SERVICE,
    TERMINOLOGY,
    concept,
    conforming_to,
    specialty_labels,
)

_NPI_PATTERN = r"^\d{10}$"
_GENDER_PATTERN = r"^(male|female|other|unknown)$"
_IDENTIFIER: Template = [{"system": NPI, "value": code("npi", _NPI_PATTERN)}]
_ADDRESS: Template = {
    "line": [text("address_line")],
    "city": text("city"),
    "state": text("state"),
    "postalCode": text("zip_code"),
    "country": "US",
}

PATIENT: Template = {
    "resourceType": "Patient",
    "id": code("patient_id", ID_PATTERN),
    "meta": conforming_to("us-core-patient"),
    "identifier": [
        {
            "type": concept(f"{TERMINOLOGY}/v2-0203", "MB"),
            "system": PERSON_NUMBER,
            "value": code("patient_id"),
        }
    ],
    "name": [{"use": "official", "family": text("last_name"), "given": [text("first_name")]}],
    "gender": code("gender", _GENDER_PATTERN),
    "birthDate": date("birth_date"),
    "deceasedDateTime": Optional(date("death_date")),
    "address": [_ADDRESS],
}

PAYER: Template = {
    "resourceType": "Organization",
    "id": code("payer_id", ID_PATTERN),
    "meta": conforming_to("us-core-organization"),
    "active": True,
    "type": [concept(f"{TERMINOLOGY}/organization-type", "pay")],
    "name": text("payer_name"),
}

ORGANIZATION: Template = {
    "resourceType": "Organization",
    "id": code("organization_id", ID_PATTERN),
    "meta": conforming_to("us-core-organization"),
    "identifier": _IDENTIFIER,
    "active": True,
    "type": [concept(f"{TERMINOLOGY}/organization-type", "prov")],
    "name": text("organization_name"),
    "address": [_ADDRESS],
}

LOCATION: Template = {
    "resourceType": "Location",
    "id": code("location_id", ID_PATTERN),
    "meta": conforming_to("us-core-location"),
    "status": "active",
    "name": text("location_name"),
    "mode": "instance",
    "type": [concept(PLACE_OF_SERVICE, code("place_of_service_code"))],
    "address": _ADDRESS,
    "managingOrganization": reference("Organization", "organization_id"),
}

PRACTITIONER: Template = {
    "resourceType": "Practitioner",
    "id": code("practitioner_id", ID_PATTERN),
    "meta": conforming_to("us-core-practitioner"),
    "identifier": _IDENTIFIER,
    "active": True,
    "name": [{"use": "official", "family": text("last_name"), "given": [text("first_name")]}],
    "gender": code("gender", _GENDER_PATTERN),
    "qualification": [
        {"code": {"text": escaped_text("specialty_label")} | concept(NUCC_TAXONOMY, code("taxonomy_code"))}
    ],
}


def with_specialty_label(practitioners: pl.DataFrame) -> pl.DataFrame:
    """Add `specialty_label`; a specialty that we do not know is its own label."""
    return practitioners.with_columns(
        specialty_label=label("specialty", specialty_labels()).fill_null(escaped(pl.col("specialty")))
    )
