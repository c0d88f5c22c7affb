"""The same mapping written the slow, obvious way: a dict a row. What `render` makes must equal it byte for byte."""

import json
import re
from decimal import Decimal
from typing import Any

from claims_pipeline.fhir.vocabulary import COVERAGE_TYPE_CODES, PAYMENT_SOURCE_CODES, PLAN_TYPE_LABELS
from claims_pipeline.reference import diagnosis_labels, procedure_labels, read_table

Row = dict[str, Any]

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
PLACES_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
OURS = "https://claims-pipeline.invalid"
META = {"security": [{"system": f"{TERMINOLOGY}/v3-ActReason", "code": "HTEST"}]}


def canonical(resource: Row) -> str:
    """Return a dict as canonical JSON, decimals with the places that they have."""
    body = json.dumps(resource, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_marked)
    return re.sub(r'"<decimal (-?[0-9.]+)>"', r"\1", body)


def _marked(value: object) -> str:
    return f"<decimal {value}>" if isinstance(value, Decimal) else str(value)


def concept(system: str, code: str, text: str | None = None) -> Row:
    coded: Row = {"coding": [{"system": system, "code": code}]}
    return coded if text is None else coded | {"text": text}


def address(row: Row) -> Row:
    return {
        "line": [row["address_line"]],
        "city": row["city"],
        "state": row["state"],
        "postalCode": row["zip_code"],
        "country": "US",
    }


def identifier(row: Row) -> list[Row]:
    return [{"system": "http://hl7.org/fhir/sid/us-npi", "value": row["npi"]}]


def member_number(kind: str, value: str) -> Row:
    return {"type": concept(f"{TERMINOLOGY}/v2-0203", "MB"), "system": f"{OURS}/{kind}", "value": value}


def name(row: Row) -> list[Row]:
    return [{"use": "official", "family": row["last_name"], "given": [row["first_name"]]}]


def payers(row: Row) -> Row:
    return {
        "resourceType": "Organization",
        "id": row["payer_id"],
        "meta": META | {"profile": [f"{US_CORE}/us-core-organization"]},
        "active": True,
        "type": [concept(f"{TERMINOLOGY}/organization-type", "pay")],
        "name": row["payer_name"],
    }


def organizations(row: Row) -> Row:
    return {
        "resourceType": "Organization",
        "id": row["organization_id"],
        "meta": META | {"profile": [f"{US_CORE}/us-core-organization"]},
        "identifier": identifier(row),
        "active": True,
        "type": [concept(f"{TERMINOLOGY}/organization-type", "prov")],
        "name": row["organization_name"],
        "address": [address(row)],
    }


def locations(row: Row) -> Row:
    return {
        "resourceType": "Location",
        "id": row["location_id"],
        "meta": META | {"profile": [f"{US_CORE}/us-core-location"]},
        "status": "active",
        "name": row["location_name"],
        "mode": "instance",
        "type": [concept(PLACES_OF_SERVICE, row["place_of_service_code"])],
        "address": address(row),
        "managingOrganization": {"reference": f"Organization/{row['organization_id']}"},
    }


def practitioners(row: Row) -> Row:
    labels = dict(read_table("specialties").select("specialty", "label").iter_rows())
    specialty = labels.get(row["specialty"], row["specialty"])
    return {
        "resourceType": "Practitioner",
        "id": row["practitioner_id"],
        "meta": META | {"profile": [f"{US_CORE}/us-core-practitioner"]},
        "identifier": identifier(row),
        "active": True,
        "name": name(row),
        "gender": row["gender"],
        "qualification": [{"code": concept("http://nucc.org/provider-taxonomy", row["taxonomy_code"], specialty)}],
    }


def patients(row: Row) -> Row:
    return {
        "resourceType": "Patient",
        "id": row["patient_id"],
        "meta": META | {"profile": [f"{US_CORE}/us-core-patient"]},
        "identifier": [member_number("person-number", row["patient_id"])],
        "name": name(row),
        "gender": row["gender"],
        "birthDate": row["birth_date"],
        **({"deceasedDateTime": row["death_date"]} if row["death_date"] else {}),
        "address": [address(row)],
    }


def coverages(row: Row) -> Row:
    kind: Row = {"text": PLAN_TYPE_LABELS.get(row["plan_type"], row["plan_type"])}
    if coded := COVERAGE_TYPE_CODES.get(row["plan_type"]):
        kind |= concept("https://nahdo.org/sopt", PAYMENT_SOURCE_CODES[row["plan_type"]])
        kind["coding"] += concept(f"{TERMINOLOGY}/v3-ActCode", coded)["coding"]
    plan: Row = {"type": concept(f"{TERMINOLOGY}/coverage-class", "plan"), "value": row["plan_id"]}
    if is_given(row["plan_name"]):
        plan["name"] = row["plan_name"]
    period = {"start": row["coverage_start_date"]}
    if row["coverage_end_date"]:
        period["end"] = row["coverage_end_date"]
    coverage = {
        "resourceType": "Coverage",
        "id": row["coverage_id"],
        "meta": META,
        "status": "active",
        "type": kind,
        "beneficiary": {"reference": f"Patient/{row['patient_id']}"},
        "subscriber": {"reference": f"Patient/{row['subscriber_id']}"},
        "relationship": concept(f"{TERMINOLOGY}/subscriber-relationship", row["relationship"]),
        "period": period,
        "payor": [{"reference": f"Organization/{row['payer_id']}"}],
        "class": [plan],
    }
    if row["dependent_number"]:
        coverage["dependent"] = str(row["dependent_number"])
    if row["coverage_order"]:
        coverage["order"] = row["coverage_order"]
    if not is_given(row["member_id"]):
        return coverage
    return coverage | {
        "meta": META | {"profile": [f"{US_CORE}/us-core-coverage"]},
        "identifier": [member_number("member-number", row["member_id"])],
        "subscriberId": row["member_id"],
    }


def claims(row: Row) -> Row:
    patient = {"reference": f"Patient/{row['patient_id']}"}
    if is_given(row["patient_name"]):
        patient["display"] = row["patient_name"]
    claim = {
        "resourceType": "Claim",
        "id": row["claim_id"],
        "meta": META,
        "identifier": [{"system": f"{OURS}/claim-number", "value": row["claim_id"]}],
        "status": row["claim_status"],
        "type": concept(f"{TERMINOLOGY}/claim-type", "professional"),
        "use": "claim",
        "patient": patient,
        "billablePeriod": {"start": row["claim_start_date"], "end": row["claim_end_date"]},
        "created": row["received_date"],
        "insurer": {"reference": f"Organization/{row['payer_id']}"},
        "provider": {"reference": f"Organization/{row['organization_id']}"},
        "priority": concept(f"{TERMINOLOGY}/processpriority", "normal"),
        "facility": {"reference": f"Location/{row['location_id']}"},
        "careTeam": [
            {
                "sequence": 1,
                "provider": {"reference": f"Practitioner/{row['practitioner_id']}"},
                "role": concept(f"{TERMINOLOGY}/claimcareteamrole", "primary"),
            }
        ],
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": f"Coverage/{row['coverage_id']}"}}],
        "total": money(row["total_charge_amount"]),
    }
    if row["replaced_claim_id"] is not None:
        number = {"system": f"{OURS}/claim-number", "value": row["replaced_claim_id"]}
        claim["related"] = [
            {
                "claim": {"type": "Claim", "identifier": number},
                "relationship": concept(f"{TERMINOLOGY}/ex-relatedclaimrelationship", "prior"),
            }
        ]
    if row["diagnosis_codes"]:
        claim["diagnosis"] = [diagnosis(number, code) for number, code in enumerate(row["diagnosis_codes"], 1)]
    if row["lines"]:
        claim["item"] = [item(row, line) for line in row["lines"]]
    return claim


def diagnosis(number: int, code: str) -> Row:
    coded = concept("http://hl7.org/fhir/sid/icd-10-cm", code, diagnosis_labels().get(code))
    return {"sequence": number, "diagnosisCodeableConcept": coded}


def item(claim: Row, line: Row) -> Row:
    place = concept(PLACES_OF_SERVICE, line["place_of_service_code"])
    if claim["facility_city"] is not None and claim["facility_state"] is not None:
        place["text"] = f"{claim['facility_city']}, {claim['facility_state']}"
    element = {
        "sequence": line["claim_line_number"],
        "careTeamSequence": [1],
        "productOrService": concept(
            code_system(line["hcpcs_code"]), line["hcpcs_code"], procedure_labels().get(line["hcpcs_code"])
        ),
        "servicedDate": line["line_service_date"],
        "locationCodeableConcept": place,
        "quantity": {"value": line["unit_count"]},
        "unitPrice": money(line["unit_charge_amount"]),
        "net": money(line["charge_amount"]),
    }
    if line["diagnosis_pointers"]:
        element["diagnosisSequence"] = line["diagnosis_pointers"]
    if line["modifiers"]:
        element["modifier"] = [concept(code_system(modifier), modifier) for modifier in line["modifiers"]]
    return element


def money(amount: Decimal) -> Row:
    return {"value": amount, "currency": "USD"}


def code_system(code: str) -> str:
    return HCPCS if code[0].isalpha() else CPT


def is_given(text: str | None) -> bool:
    """FHIR has no blank strings."""
    return text is not None and text.strip() != ""
