"""The constraints of US Core that the feed's resources declare, as StructureDefinitions for a validator.

From the profiles of US Core 9.0.0 (HL7, 2026; elements, cardinalities, patterns and invariants), with what 6.1.0 to
8.0.1 ask beyond them (Patient.gender). Descriptions and what concerns no element of ours are left out; the bindings
are those whose value sets every R4 server has.
"""

from typing import Any

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
V2_0203 = "http://terminology.hl7.org/CodeSystem/v2-0203"
_DIGITS = [f"value.substring({place},1).toInteger()" for place in range(10)]
_DOUBLED = [f"(select({digit}).select(iif($this<5, $this*2, (($this*2)-9))))" for digit in _DIGITS]
_NPI_SUM = "+".join(_DOUBLED[place] if place % 2 == 0 else f"({_DIGITS[place]})" for place in range(10))

Element = dict[str, Any]


def _constraint(key: str, expression: str) -> Element:
    return {"constraint": [{"key": key, "severity": "error", "human": key, "expression": expression}]}


def _reference(*profiles: str) -> Element:
    return {"type": [{"code": "Reference", "targetProfile": [f"{US_CORE}/{name}" for name in profiles]}]}


def _npi(resource: str) -> dict[str, Element]:
    by_value = {"discriminator": [{"type": "value", "path": "$this"}], "rules": "open"}
    check = _constraint("us-core-16", "value.matches('^[0-9]{10}$')")["constraint"]
    check += _constraint("us-core-17", f"(({_NPI_SUM}+24) mod 10) = 0")["constraint"]
    pattern = {"patternIdentifier": {"system": "http://hl7.org/fhir/sid/us-npi"}}
    return {
        f"{resource}.identifier": {"slicing": by_value},
        f"{resource}.identifier:NPI": {"sliceName": "NPI", **pattern, "constraint": check},
    }


ELEMENTS: dict[str, dict[str, Element]] = {
    "Patient": {
        "Patient.identifier": {"min": 1},
        "Patient.identifier.system": {"min": 1},
        "Patient.identifier.value": {"min": 1},
        "Patient.name": {"min": 1, **_constraint("us-core-6", "family.exists() or given.exists()")},
        "Patient.gender": {"min": 1},
    },
    "Coverage": {
        "Coverage": _constraint(
            "us-core-15",
            f"identifier.type.coding.where(system='{V2_0203}' and code='MB').exists() or subscriberId.exists()",
        ),
        "Coverage.beneficiary": _reference("us-core-patient"),
        "Coverage.relationship": {"min": 1},
        "Coverage.payor": {"max": "1", **_reference("us-core-organization", "us-core-patient")},
    },
    "Practitioner": {
        **_npi("Practitioner"),
        "Practitioner.identifier": {**_npi("Practitioner")["Practitioner.identifier"], "min": 1},
        "Practitioner.name": {"min": 1},
        "Practitioner.name.family": {"min": 1},
    },
    "Organization": {
        **_npi("Organization"),
        "Organization.active": {"min": 1},
        "Organization.name": {"min": 1},
        "Organization.address.line": {"max": "4"},
    },
    "Location": {
        "Location.name": {"min": 1},
        "Location.type.coding": {"min": 1},
        "Location.type.coding.system": {"min": 1},
        "Location.type.coding.code": {"min": 1},
        "Location.managingOrganization": _reference("us-core-organization"),
    },
}


def url(resource_type: str) -> str:
    """Return the canonical address of the profile of a resource type."""
    return f"{US_CORE}/us-core-{resource_type.lower()}"


def structure_definition(resource_type: str) -> dict[str, Any]:
    """Return the profile of a resource type with the constraints above."""
    elements = [
        {"id": name, "path": ".".join(part.partition(":")[0] for part in name.split(".")), **element}
        for name, element in ELEMENTS[resource_type].items()
    ]
    return {
        "resourceType": "StructureDefinition",
        "id": f"us-core-{resource_type.lower()}",
        "url": url(resource_type),
        "name": f"USCore{resource_type}",
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": resource_type,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{resource_type}",
        "derivation": "constraint",
        "differential": {"element": elements},
    }
