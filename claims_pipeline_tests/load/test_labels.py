"""Profiles, security labels and tags: the server holds those of the input, and no others."""

from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, load_files, reconcile
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.sources.samples import ndjson, patient
from claims_pipeline_tests.server_state import read

pytestmark = pytest.mark.server

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


def labelled(resource_id: str, *, tags: str = "", security: str = "", profiles: str = "") -> dict[str, Any]:
    meta = {
        "tag": [{"system": "https://example.org/tags", "code": code} for code in tags],
        "security": [{"system": CONFIDENTIALITY, "code": code} for code in security],
        "profile": [f"https://example.org/StructureDefinition/{code}" for code in profiles],
    }
    return patient(resource_id, meta={name: values for name, values in meta.items() if values})


def labels(target: Settings, resource_id: str) -> dict[str, list[str]]:
    """Return the last character of each profile, label and tag that the server has."""
    meta = read(target.fhir_base_url, f"Patient/{resource_id}")["meta"]
    found = {
        name: [str(one.get("code", one) if isinstance(one, dict) else one)[-1] for one in meta.get(name, [])]
        for name in ("tag", "security", "profile")
    }
    return {name: sorted(values) for name, values in found.items() if values}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    folder.mkdir()
    return folder


def test_labels_that_the_input_no_longer_has_are_taken_off(target: Settings, folder: Path) -> None:
    file = folder / "Patient.ndjson"
    file.write_text(ndjson(labelled("labels-1", tags="ca", security="RN", profiles="p"), patient("labels-2")))
    load_files([str(folder)], target)
    assert labels(target, "labels-1") == {"tag": ["a", "c"], "security": ["N", "R"], "profile": ["p"]}
    assert reconcile(target, deep=True).is_equal

    file.write_text(ndjson(labelled("labels-1", tags="bc", security="N", profiles="q"), patient("labels-2")))
    report = load_files([str(folder)], target)

    assert report.total == Counts(read=2, unchanged=1, updated=1)
    assert labels(target, "labels-1") == {"tag": ["b", "c"], "security": ["N"], "profile": ["q"]}
    assert load_files([str(folder)], target).requests_with_resources == 0
    assert reconcile(target, deep=True).is_equal

    file.write_text(ndjson(patient("labels-1"), patient("labels-2")))
    load_files([str(folder)], target)

    assert labels(target, "labels-1") == {}
