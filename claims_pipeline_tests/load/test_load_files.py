"""Any FHIR R4 files into the real server: what is wrong is named by file and line, the rest is loaded."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, list_dead_letters, load_files, reconcile, retry_dead_letters
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.proxy import Request, faulty
from claims_pipeline_tests.server_state import ids, read

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


def test_what_is_wrong_is_rejected_by_file_and_line_and_the_rest_is_loaded(target: Settings, tmp_path: Path) -> None:
    file = ndjson(
        tmp_path / "mixed.ndjson",
        patient("wrong-1"),
        '{"resourceType": "Patient", "id": ',
        {"resourceType": "Patient"},
        patient("under_score"),
        patient("wrong-2"),
    )

    report = load_files([file], target)

    assert report.exit_code == 1
    assert ids(target.fhir_base_url, "Patient", "wrong-") == ["wrong-1", "wrong-2"]
    assert report.total.rejected == report.total.read - 2
    assert {failure.source for failure in report.failures} >= {f"{file}:2", f"{file}:4"}
    assert {letter["source"] for letter in list_dead_letters(target).to_dicts()} >= {f"{file}:2", f"{file}:4"}


def test_an_id_of_digits_only_is_taken_by_the_embedded_server(target: Settings, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "digits.ndjson", *(patient(f"digits-{n}") for n in range(9)), patient("4711"))

    report = load_files([file], target)

    assert report.by_type == {"Patient": Counts(read=10, created=10)}


def test_corrected_input_leaves_no_dead_letter(target: Settings, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "mend.ndjson", '{"resourceType": "Patient", "id": ')
    load_files([file], target)
    assert list_dead_letters(target).height == 1

    ndjson(tmp_path / "mend.ndjson", patient("mended-1"))
    report = load_files([file], target)

    assert report.exit_code == 0
    assert list_dead_letters(target).is_empty()


def test_one_poison_resource_among_many_is_found_and_harms_no_other(target: Settings, tmp_path: Path) -> None:
    lines = [patient(f"poison-{n:03d}", gender="nonsense" if n == 77 else "male") for n in range(100)]
    file = ndjson(tmp_path / "poison.ndjson", *lines)

    with faulty(target.fhir_base_url, lambda _: None) as proxy:
        report = load_files([file], target.model_copy(update={"fhir_base_url": proxy.base_url}))

    assert report.by_type["Patient"] == Counts(read=100, created=99, rejected=1)
    assert report.requests_with_resources <= 1 + 2 * 7 + 1
    letter = list_dead_letters(target).to_dicts()[0]
    assert letter["resource_id"] == "poison-077"
    assert letter["http_status"] == 400
    assert "Unknown AdministrativeGender code 'nonsense'" in letter["reason"]
    told = report.render() + json.dumps(report.to_json())
    assert "HAPI-1821" in told
    assert "gender" in told
    assert "nonsense" not in told
    assert letter["bundle"] == "1"
    assert json.loads(letter["body"])["gender"] == "nonsense"


def test_a_whole_bundle_of_poison_is_rejected_one_by_one(target: Settings, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "all.ndjson", *(patient(f"allpoison-{n}", gender="nonsense") for n in range(20)))

    report = load_files([file], target)

    assert report.by_type["Patient"] == Counts(read=20, rejected=20)
    assert list_dead_letters(target).height == 20
    assert target.ledger_path.stat().st_mode & 0o777 == 0o600


def test_what_refers_to_a_rejected_patient_is_rejected_for_that_reason(target: Settings, tmp_path: Path) -> None:
    patients = tmp_path / "patients.ndjson"
    ndjson(patients, patient("cause-1", gender="nonsense"), patient("cause-2"))
    encounters = ndjson(
        tmp_path / "encounters.ndjson", encounter("cause-e1", "cause-1"), encounter("cause-e2", "cause-2")
    )

    report = load_files([str(patients), encounters], target)

    assert report.by_type["Encounter"] == Counts(read=2, created=1, rejected=1)
    assert "refers to Patient/cause-1, which was rejected" in report.render()

    ndjson(patients, patient("cause-1", gender="female"), patient("cause-2"))
    mended = load_files([str(patients), encounters], target)

    assert mended.exit_code == 0
    assert mended.by_type["Encounter"] == Counts(read=2, unchanged=1, created=1)
    assert list_dead_letters(target).is_empty()


def test_a_reference_to_what_the_server_has_already_is_fine(target: Settings, tmp_path: Path) -> None:
    load_files([ndjson(tmp_path / "p.ndjson", patient("already-1"))], target)
    other_ledger = tmp_path / "other.sqlite"
    from claims_pipeline_tests.server_state import forget_marker

    forget_marker(target.fhir_base_url)
    file = ndjson(tmp_path / "e.ndjson", encounter("already-e1", "already-1"), encounter("already-e2", "nobody"))

    report = load_files([file], target, ledger_path=other_ledger)

    assert report.by_type["Encounter"] == Counts(read=2, created=1, rejected=1)
    assert "refers to Patient/nobody, which is neither in the input nor on the server" in report.render()


def test_a_dead_letter_can_be_sent_again(target: Settings, tmp_path: Path) -> None:
    file = ndjson(tmp_path / "e.ndjson", encounter("retry-e1", "retry-p1"))
    assert load_files([file], target).exit_code == 1
    load_files([ndjson(tmp_path / "p.ndjson", patient("retry-p1"))], target)

    report = retry_dead_letters(["Encounter/retry-e1"], target)

    assert report.by_type["Encounter"] == Counts(read=1, created=1)
    assert list_dead_letters(target).is_empty()
    assert read(target.fhir_base_url, "Encounter/retry-e1")["subject"]["reference"] == "Patient/retry-p1"


def test_an_id_that_comes_twice_counts_once_and_is_reported(target: Settings, tmp_path: Path) -> None:
    file = ndjson(
        tmp_path / "twice.ndjson",
        patient("twice-1", gender="male"),
        patient("twice-1", gender="female"),
        patient("twice-1", gender="female"),
    )

    report = load_files([file], target)

    assert report.total.created == 1
    assert report.total.superseded == 1
    assert read(target.fhir_base_url, "Patient/twice-1")["gender"] == "female"
    assert any("Patient/twice-1" in remark for remark in report.remarks)


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
