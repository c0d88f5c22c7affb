"""Remarks about the whole input."""

import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load.sources.files import read_files

R5_ENCOUNTER = {"resourceType": "Encounter", "status": "completed", "actualPeriod": {"start": "2025-01-01"}}
R5_ONLY = {"resourceType": "SubscriptionTopic", "url": "http://x.org/t", "status": "active"}
R4_PATIENT = {"resourceType": "Patient"}


def told(folder: Path, *resources: dict[str, Any]) -> list[str]:
    file = folder / "all.ndjson"
    file.write_text("".join(json.dumps(r | {"id": f"r-{n}"}) + "\n" for n, r in enumerate(resources)))
    with read_files([str(file)], folder / "spool") as found:
        return list(found.remarks)


@pytest.mark.parametrize("resource", [R5_ENCOUNTER, R5_ONLY])
def test_files_of_another_fhir_version_are_named_as_such(tmp_path: Path, resource: dict[str, Any]) -> None:
    assert told(tmp_path, *[resource] * 3, R4_PATIENT) == [
        "3 resources are of types, or have elements, that FHIR R4 (4.0.1) does not have: "
        "are these files of another version, such as R4B or R5?"
    ]


def test_a_slip_is_not_taken_for_another_version(tmp_path: Path) -> None:
    assert told(tmp_path, R5_ENCOUNTER, R4_PATIENT) == []
