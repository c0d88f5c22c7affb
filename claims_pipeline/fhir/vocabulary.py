"""Code systems and fixed codes that more than one resource uses."""

from claims_pipeline.fhir.template import Template

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
NPI = "http://hl7.org/fhir/sid/us-npi"
NUCC_TAXONOMY = "http://nucc.org/provider-taxonomy"

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"

SYNTHETIC: Template = {"security": [{"code": "HTEST", "system": f"{TERMINOLOGY}/v3-ActReason"}]}
"""`meta` of everything that we make: test health data."""


def concept(system: Template, code: Template) -> dict[str, Template]:
    """Return a CodeableConcept with one coding."""
    return {"coding": [{"code": code, "system": system}]}
