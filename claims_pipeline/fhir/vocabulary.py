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

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

TEST_DATA: Mapping[str, str] = MappingProxyType({"code": "HTEST", "system": f"{TERMINOLOGY}/v3-ActReason"})
"""Security label of everything that we make: test health data."""
SYNTHETIC: Template = {"security": [dict(TEST_DATA)]}
"""`meta` of the resources of a lake."""

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


def specialty_labels() -> Mapping[str, str]:
    """Return the label of each specialty."""
    specialties = read_table("specialties")
    return dict(zip(specialties["specialty"], specialties["label"], strict=True))


def concept(system: Template, code: Template) -> dict[str, Template]:
    """Return a CodeableConcept with one coding."""
    return {"coding": [{"code": code, "system": system}]}
