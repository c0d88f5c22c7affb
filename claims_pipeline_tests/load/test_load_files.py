"""Any FHIR R4 files into the real server (test_poison.py: what it refuses; pipeline/test_files.py: what is wrong)."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, load_files, reconcile
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.proxy import Request, faulty
from claims_pipeline_tests.server_state import ids

pytestmark = pytest.mark.server


def patient(patient_id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": patient_id, **elements}


def encounter(encounter_id: str, patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": encounter_id,
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{patient_id}"},
    }


def ndjson(path: Path, *lines: dict[str, Any] | str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return str(path)


def test_a_folder_of_files_is_loaded_in_the_order_of_its_references(target: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    ndjson(folder / "1-Encounter.ndjson", *(encounter(f"order-e{n}", f"order-p{n % 3}") for n in range(20)))
    (folder / "2-Patient.ndjson.gz").write_bytes(
        gzip.compress("\n".join(json.dumps(patient(f"order-p{n}")) for n in range(3)).encode())
    )

    first = load_files([str(folder)], target)
    second = load_files([str(folder)], target)

    assert first.by_type == {"Patient": Counts(read=3, created=3), "Encounter": Counts(read=20, created=20)}
    assert first.exit_code == 0
    assert second.total == Counts(read=23, unchanged=23)
    assert second.requests_with_resources == 0
    assert reconcile(target, deep=True).is_equal


def test_resources_that_refer_to_each_other_go_in_one_transaction(target: Settings, tmp_path: Path) -> None:
    def linked(patient_id: str, other: str) -> dict[str, Any]:
        return patient(patient_id, link=[{"other": {"reference": f"Patient/{other}"}, "type": "seealso"}])

    file = ndjson(tmp_path / "links.ndjson", linked("cycle-a", "cycle-b"), linked("cycle-b", "cycle-a"))

    report = load_files([file], target.model_copy(update={"batch_size": 1}))

    assert report.by_type == {"Patient": Counts(read=2, created=2)}


def test_an_id_of_digits_only_is_taken_by_the_embedded_server(target: Settings, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "digits.ndjson", *(patient(f"digits-{n}") for n in range(9)), patient("4711"))

    report = load_files([file], target)

    assert report.by_type == {"Patient": Counts(read=10, created=10)}


def test_a_reference_to_what_the_server_has_already_is_fine(target: Settings, tmp_path: Path) -> None:
    load_files([ndjson(tmp_path / "p.ndjson", patient("already-1"))], target)
    other_ledger = tmp_path / "other.sqlite"
    from claims_pipeline_tests.server_state import forget_marker

    forget_marker(target.fhir_base_url)
    file = ndjson(tmp_path / "e.ndjson", encounter("already-e1", "already-1"), encounter("already-e2", "nobody"))

    report = load_files([file], target, ledger_path=other_ledger)

    assert report.by_type["Encounter"] == Counts(read=2, created=1, rejected=1)
    assert "refers to Patient/nobody, which is neither in the input nor on the server" in report.render()


def test_gzip_and_authentication_are_sent_when_asked_for(target: Settings, tmp_path: Path) -> None:
    seen: list[Request] = []

    def note(request: Request) -> None:
        seen.append(request)

    with faulty(target.fhir_base_url, note) as proxy:
        settings = Settings.model_validate(
            {**target.model_dump(), "fhir_base_url": proxy.base_url, "fhir_gzip": True, "fhir_token": "s3cret"}
        )
        load_files([ndjson(tmp_path / "p.ndjson", patient("zipped-1"))], settings)

    bundle = next(request for request in seen if request.number)
    assert bundle.headers["content-encoding"] == "gzip"
    assert b"zipped-1" in gzip.decompress(bundle.body)
    assert {request.headers["authorization"] for request in seen} == {"Bearer s3cret"}
    assert ids(target.fhir_base_url, "Patient", "zipped-") == ["zipped-1"]
