"""A clinical record of invented people, as others export it: foreign types, and references in cycles."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

ENCOUNTERS = 5
OBSERVATIONS = 5


def write_clinical_set(folder: Path, prefix: str, *, patients: int) -> int:
    """Write one NDJSON file a resource type; return how many resources there are (51 a patient, and 6 for all)."""
    folder.mkdir(parents=True, exist_ok=True)
    resources = sorted(clinical_set(prefix, patients=patients), key=lambda one: str(one["resourceType"]))
    for resource_type, group in groupby(resources, key=lambda one: str(one["resourceType"])):
        lines = "".join(json.dumps(resource) + "\n" for resource in group)
        (folder / f"{resource_type}.ndjson").write_text(lines, encoding="utf-8")
    return len(resources)


def clinical_set(prefix: str, *, patients: int) -> Iterator[Resource]:
    """Yield the resources: all ids begin with `prefix`."""
    yield {"resourceType": "Organization", "id": f"{prefix}-org", "name": "Hospital"}
    yield {
        "resourceType": "Organization",
        "id": f"{prefix}-ward",
        "name": "Ward",
        "partOf": _to("Organization", f"{prefix}-org"),
    }
    for number in range(4):
        yield {"resourceType": "Practitioner", "id": f"{prefix}-doctor-{number}"}
    for number in range(patients):
        yield from _record(prefix, number)


def _record(prefix: str, number: int) -> Iterator[Resource]:
    patient_id = f"{prefix}-{number}"
    subject, doctor = _to("Patient", patient_id), _to("Practitioner", f"{prefix}-doctor-{number % 4}")
    yield {"resourceType": "Patient", "id": patient_id, "managingOrganization": _to("Organization", f"{prefix}-ward")}
    yield {"resourceType": "CareTeam", "id": patient_id, "subject": subject, "participant": [{"member": doctor}]}
    yield {
        "resourceType": "CarePlan",
        "id": patient_id,
        "status": "active",
        "intent": "plan",
        "subject": subject,
        "careTeam": [_to("CareTeam", patient_id)],
    }
    yield {
        "resourceType": "Provenance",
        "id": patient_id,
        "recorded": "2026-01-01T00:00:00Z",
        "target": [subject, *(_to("Encounter", f"{patient_id}-{visit}") for visit in range(ENCOUNTERS))],
        "agent": [{"who": doctor}],
    }
    for visit in range(ENCOUNTERS):
        yield from _visit(f"{patient_id}-{visit}", subject, doctor)
    for serial in range(2):
        yield {
            "resourceType": "AllergyIntolerance",
            "id": f"{patient_id}-{serial}",
            "patient": subject,
            "recorder": doctor,
        }


def _visit(visit_id: str, subject: Resource, doctor: Resource) -> Iterator[Resource]:
    """Yield an encounter and its condition, which refer to each other, and what refers to them."""
    encounter = _to("Encounter", visit_id)
    yield {
        "resourceType": "Encounter",
        "id": visit_id,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": subject,
        "participant": [{"individual": doctor}],
        "diagnosis": [{"condition": _to("Condition", visit_id)}],
    }
    yield {"resourceType": "Condition", "id": visit_id, "subject": subject, "encounter": encounter}
    for serial in range(OBSERVATIONS):
        yield {
            "resourceType": "Observation",
            "id": f"{visit_id}-{serial}",
            "status": "final",
            "code": {"text": "Body weight"},
            "subject": subject,
            "encounter": encounter,
            "valueQuantity": {"value": 70 + serial, "unit": "kg"},
        }
    claim = {
        "status": "active",
        "type": {"text": "professional"},
        "use": "claim",
        "patient": subject,
        "created": "2026-01-01",
        "provider": doctor,
    }
    insurance = {"focal": True, "coverage": {"display": "none"}}
    yield claim | {
        "resourceType": "Claim",
        "id": visit_id,
        "priority": {"text": "normal"},
        "insurance": [insurance | {"sequence": 1}],
        "item": [{"sequence": 1, "productOrService": {"text": "Visit"}, "encounter": [encounter]}],
    }
    yield claim | {
        "resourceType": "ExplanationOfBenefit",
        "id": visit_id,
        "insurer": {"display": "none"},
        "outcome": "complete",
        "claim": _to("Claim", visit_id),
        "insurance": [insurance],
    }


def _to(resource_type: str, resource_id: str) -> Resource:
    return {"reference": f"{resource_type}/{resource_id}"}
