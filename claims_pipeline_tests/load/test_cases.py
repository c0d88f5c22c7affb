"""Inputs that are easily misread, one of each kind, loaded into the real server: what it holds, and what is reported.

A case is one or two loads of the same folder; write another beside those of `CASES`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, LoadOptions, Vanished, load_files
from claims_pipeline.settings import Settings
from claims_pipeline_tests.server_state import holds

pytestmark = pytest.mark.server

SERVER = "{server}"
"""Stands in files for the address of the server."""

EHR = "https://ehr.example.org/fhir"
IDS = "http://example.org/ids"


@dataclass(frozen=True)
class Load:
    """One load of a case.

    Attributes:
        files: by name, the content: lines of NDJSON, a Bundle, or text as it is.
        total: what became of the resources.
        said: what the report says, among other things.
        held: `Type/id` that the server holds afterwards.
        absent: `Type/id` that it does not hold.
    """

    files: dict[str, str | dict[str, Any] | Sequence[dict[str, Any]]]
    total: Counts
    said: Sequence[str] = ()
    held: Sequence[str] = ()
    absent: Sequence[str] = ()
    options: LoadOptions = field(default_factory=LoadOptions)


def patient(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": resource_id, **elements}


def observation(resource_id: str, reference: str) -> dict[str, Any]:
    subject = {"reference": reference}
    return {"resourceType": "Observation", "id": resource_id, "status": "final", "code": {"text": "x"}} | {
        "subject": subject
    }


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def put(resource: dict[str, Any], **request: str) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url} | request}


def create_if_none_exists(uuid: str) -> dict[str, Any]:
    clinic = {"resourceType": "Organization", "name": "Clinic", "identifier": [{"system": IDS, "value": "case-1"}]}
    request = {"method": "POST", "url": "Organization", "ifNoneExist": f"identifier={IDS}|case-1"}
    return bundle({"fullUrl": f"urn:uuid:{uuid}", "resource": clinic, "request": request})


CASES = {
    "a create that is to happen once, by an export that draws new UUIDs each time": (
        Load(
            {"a.json": create_if_none_exists("c1f0"), "b.json": create_if_none_exists("c1f1")},
            Counts(read=1, created=1),
            ("came more than once with the same content, and counts once: 1",),
        ),
        Load({"a.json": create_if_none_exists("c1f2"), "b.json": ""}, Counts(read=1, unchanged=1)),
    ),
    "one full URL of two resources": (
        Load(
            {
                "a.json": bundle(
                    {"fullUrl": "urn:uuid:c2f0", **put(patient("case-full-a"))},
                    {"fullUrl": "urn:uuid:c2f0", **put(patient("case-full-b"))},
                    put(observation("case-full-o", "urn:uuid:c2f0")),
                )
            },
            Counts(read=3, created=2, rejected=1),
            ("Observation/case-full-o", "the fullUrl of 2 resources of its Bundle"),
            held=("Patient/case-full-a", "Patient/case-full-b"),
            absent=("Observation/case-full-o",),
        ),
    ),
    "absolute references": (
        Load(
            {
                "Patient.ndjson": [patient("case-abs-p")],
                "Observation.ndjson": [
                    observation("case-abs-export", f"{EHR}/Patient/case-abs-p/_history/4"),
                    observation("case-abs-server", f"{SERVER}/Patient/case-abs-p"),
                    observation("case-abs-foreign", f"{EHR}/Patient/case-abs-nobody"),
                ],
            },
            Counts(read=4, created=3, rejected=1),
            ("refer to it as Patient/case-abs-nobody",),
            held=("Observation/case-abs-export", "Observation/case-abs-server"),
        ),
    ),
    "a bulk export with deletions, errors, a log and an empty file": (
        Load(
            {
                "Patient.ndjson": [patient("case-bulk-p")],
                "Device.ndjson": "",
                "log.ndjson": [{"exportId": "1", "eventId": "kickoff"}],
                "deleted/Bundle.ndjson": [bundle({"request": {"method": "DELETE", "url": "Patient/case-bulk-gone"}})],
                "error/OperationOutcome.ndjson": [
                    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
                ],
            },
            Counts(read=1, created=1),
            ("Device.ndjson", "log.ndjson", "error/OperationOutcome.ndjson"),
            held=("Patient/case-bulk-p",),
        ),
    ),
    "deletions of a bulk export, applied": (
        Load(
            {"Patient.ndjson": [patient("case-deleted-a"), patient("case-deleted-b"), patient("case-deleted-c")]},
            Counts(read=3, created=3),
        ),
        Load(
            {
                "Patient.ndjson": [patient("case-deleted-a"), patient("case-deleted-b")],
                "deleted/Bundle.ndjson": [
                    bundle({"request": {"method": "DELETE", "url": "Patient/case-deleted-c"}}),
                    bundle({"request": {"method": "DELETE", "url": "Patient/case-deleted-b"}}),
                ],
            },
            Counts(read=2, unchanged=2),
            ("Patient deleted: 1",),
            held=("Patient/case-deleted-a", "Patient/case-deleted-b"),
            absent=("Patient/case-deleted-c",),
            options=LoadOptions(vanished=Vanished.DELETE),
        ),
    ),
    "resources that refer to each other": (
        Load(
            {
                "a.ndjson": [
                    patient("case-circle-p"),
                    {
                        "resourceType": "Encounter",
                        "id": "case-circle-e",
                        "status": "finished",
                        "class": {"code": "AMB"},
                        "subject": {"reference": "Patient/case-circle-p"},
                        "diagnosis": [{"condition": {"reference": "Condition/case-circle-c"}}],
                    },
                    {
                        "resourceType": "Condition",
                        "id": "case-circle-c",
                        "subject": {"reference": "Patient/case-circle-p"},
                        "encounter": {"reference": "Encounter/case-circle-e"},
                    },
                ]
            },
            Counts(read=3, created=3),
            held=("Encounter/case-circle-e", "Condition/case-circle-c"),
        ),
        Load(
            {"a.ndjson": [patient("case-circle-p")]},
            Counts(read=1, unchanged=1),
            ("Condition deleted: 1", "Encounter deleted: 1"),
            held=("Patient/case-circle-p",),
            absent=("Encounter/case-circle-e", "Condition/case-circle-c"),
            options=LoadOptions(vanished=Vanished.DELETE),
        ),
    ),
    "a property that stands twice in an object": (
        Load(
            {
                "a.ndjson": '{"resourceType":"Patient","id":"case-twice-a","gender":"male","gender":"female"}\n'
                '{"resourceType":"Patient","id":"case-twice-b","id":"case-twice-c"}\n'
                '{"resourceType":"Patient","id":"case-twice-d"}\n'
            },
            Counts(read=3, created=1, rejected=2),
            ("Patient/case-twice-a", "Patient.gender occurs more than once", "Patient.id occurs more than once"),
            held=("Patient/case-twice-d",),
            absent=("Patient/case-twice-a", "Patient/case-twice-b", "Patient/case-twice-c"),
        ),
    ),
    "entries of all methods": (
        Load(
            {
                "a.json": bundle(
                    {"request": {"method": "DELETE", "url": "Patient/case-method-gone"}},
                    {"resource": patient("case-method-x"), "request": {"method": "PATCH", "url": "Patient/x"}},
                    {"request": {"method": "GET", "url": "Patient?_count=1"}},
                    put(patient("case-method-v"), ifMatch='W/"7"'),
                    {"resource": patient("case-method-q"), "request": {"method": "POST", "url": "Patient"}},
                    kind="batch",
                )
            },
            Counts(read=3, created=1, rejected=2),
            ("entry 2 asks for PATCH", "entry 3 only reads (GET)", "entry 4 asks for PUT with ifMatch"),
            held=("Patient/case-method-q",),
            absent=("Patient/case-method-v", "Patient/case-method-x"),
        ),
    ),
    "ids of digits only, with a prefix for them": (
        Load(
            {"a.ndjson": [patient("4711"), observation("4712", "Patient/4711")]},
            Counts(read=2, created=2),
            held=("Patient/case-4711", "Observation/case-4712"),
            options=LoadOptions(id_prefix="case-"),
        ),
        Load(
            {"a.ndjson": [observation("4713", "Patient/4711")]},
            Counts(read=1, created=1),
            held=("Observation/case-4713",),
            options=LoadOptions(id_prefix="case-"),
        ),
    ),
}


@pytest.mark.parametrize("loads", CASES.values(), ids=CASES)
def test_inputs_that_are_easily_misread(target: Settings, tmp_path: Path, loads: Sequence[Load]) -> None:
    folder = tmp_path / "input"
    for load in loads:
        for name, content in load.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_text(content).replace(SERVER, target.fhir_base_url))

        report = load_files([str(folder)], target, options=load.options)

        assert report.total == load.total, report.render()
        assert report.exit_code == (1 if load.total.rejected else 0)
        missing = [words for words in load.said if words not in report.render()]
        assert missing == []
        for name in load.held:
            assert holds(target.fhir_base_url, name), name
        for name in load.absent:
            assert not holds(target.fhir_base_url, name), name


def _text(content: str | dict[str, Any] | Sequence[dict[str, Any]]) -> str:
    match content:
        case str():
            return content
        case dict():
            return json.dumps(content)
        case _:
            return "".join(f"{json.dumps(line)}\n" for line in content)
