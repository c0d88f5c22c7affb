"""Code systems, fixed codes and labels."""

from collections.abc import Mapping
from types import MappingProxyType

from claims_pipeline.fhir.template import Template
from claims_pipeline.reference import read_table

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
NPI = "http://hl7.org/fhir/sid/us-npi"
NUCC_TAXONOMY = "http://nucc.org/provider-taxonomy"

SOURCE_OF_PAYMENT = "https://nahdo.org/sopt"

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"

CLAIM_NUMBER = "https://claims-pipeline.invalid/claim-number"
MEMBER_NUMBER = "https://claims-pipeline.invalid/member-number"
PERSON_NUMBER = "https://claims-pipeline.invalid/person-number"
"""Systems of our own identifiers; the domain .invalid belongs to nobody (RFC 2606)."""

TEST_DATA: Mapping[str, str] = MappingProxyType({"code": "HTEST", "system": f"{TERMINOLOGY}/v3-ActReason"})
"""Security label of everything that we make: test health data."""
SYNTHETIC: Template = {"security": [dict(TEST_DATA)]}
"""`meta` of the resources of a lake that have no profile."""

PLAN_TYPE_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "ppo": "Preferred provider organization",
        "hmo": "Health maintenance organization",
        "high_deductible": "High-deductible health plan",
        "marketplace": "Marketplace plan",
        "medicare": "Medicare",
        "medicare_advantage": "Medicare Advantage",
        "medicaid": "Medicaid",
    }
)

COVERAGE_TYPE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "ppo": "PPO",
        "hmo": "HMO",
        "high_deductible": "HIP",
        "marketplace": "HIP",
        "medicare": "PUBLICPOL",
        "medicare_advantage": "MCPOL",
        "medicaid": "PUBLICPOL",
    }
)
"""HL7 v3 ActCode (value set coverage-type) of each plan type."""

PAYMENT_SOURCE_CODES: Mapping[str, str] = MappingProxyType(
    {
        "ppo": "512",
        "hmo": "511",
        "high_deductible": "5",
        "marketplace": "5",
        "medicare": "121",
        "medicare_advantage": "11",
        "medicaid": "2",
    }
)
"""Source of Payment Typology (NAHDO, version 9.2, 2020) of each plan type; 5 is private health insurance."""


def specialty_labels() -> Mapping[str, str]:
    """Return the label of each specialty."""
    specialties = read_table("specialties")
    return dict(zip(specialties["specialty"], specialties["label"], strict=True))


def conforming_to(profile: str) -> Template:
    """Return the `meta` of a resource that conforms to a profile of US Core, such as `us-core-patient`."""
    return {"profile": [f"{US_CORE}/{profile}"], "security": [dict(TEST_DATA)]}


def concept(system: Template, code: Template) -> dict[str, Template]:
    """Return a CodeableConcept with one coding."""
    return {"coding": [{"code": code, "system": system}]}
