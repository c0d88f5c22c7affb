"""The ledger and the real server: what can be done if they do not belong together (test_adopting.py: each case)."""

import httpx
import pytest

from claims_pipeline.errors import LedgerMismatch
from claims_pipeline.load import Counts, LoadOptions, OnMismatch, load_lake, reconcile, remove
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, patient_of, tiny_lake
from claims_pipeline_tests.server_state import forget_marker, ids, put, read

pytestmark = pytest.mark.server

ADOPT = LoadOptions(on_mismatch=OnMismatch.ADOPT)
RESET = LoadOptions(on_mismatch=OnMismatch.RESET)


def delete(base_url: str, *names: str) -> None:
    for name in names:
        httpx.delete(f"{base_url}/{name}", trust_env=False).raise_for_status()


def test_adopting_finds_out_what_a_restored_server_lacks_and_sends_that(target: Settings) -> None:
    shape = Shape("adopt", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    old = f"Patient/{patient_of(shape, 0, 1)}"
    put(target.fhir_base_url, read(target.fhir_base_url, old) | {"gender": "unknown"})
    delete(target.fhir_base_url, "Claim/adopt-claim-20250101-000002")
    forget_marker(target.fhir_base_url)
    with pytest.raises(LedgerMismatch):
        load_lake(lake, target)

    report = load_lake(lake, target, options=ADOPT)

    assert report.by_type["Claim"].loaded == 1
    assert report.by_type["Patient"] == Counts(read=4, unchanged=3, updated=1)
    assert report.exit_code == 0
    assert reconcile(target, deep=True).is_equal
    assert load_lake(lake, target).requests_with_resources == 0


def test_a_reset_ledger_sends_everything_and_duplicates_nothing(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("reset", days=1))
    load_lake(lake, target)
    forget_marker(target.fhir_base_url)

    report = load_lake(lake, target, options=RESET)

    assert report.total == Counts(read=16, already_equal=16)
    assert len(ids(target.fhir_base_url, "Claim", "reset-")) == 4


def test_reconciling_sees_what_the_server_lost_and_repairing_brings_it_back(target: Settings) -> None:
    shape = Shape("repair", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    delete(target.fhir_base_url, "Claim/repair-claim-20250101-000001")
    changed = f"Patient/{patient_of(shape, 0, 3)}"
    put(target.fhir_base_url, read(target.fhir_base_url, changed) | {"gender": "unknown"})
    assert load_lake(lake, target).requests_with_resources == 0

    report = reconcile(target, repair=True)

    assert not report.is_equal
    assert report.exit_code == 1
    assert (report.by_type["Claim"].missing, report.by_type["Claim"].changed) == (1, 0)
    assert (report.by_type["Patient"].missing, report.by_type["Patient"].changed) == (0, 1)
    assert set(report.differing) == {"Claim/repair-claim-20250101-000001", changed}
    assert report.marked == 2
    assert load_lake(lake, target).total.loaded == 2
    assert reconcile(target, deep=True).is_equal


def test_remove_deletes_the_loaded_resources_and_nothing_else(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("remove", days=1))
    load_lake(lake, target)
    put(target.fhir_base_url, {"resourceType": "Patient", "id": "remove-not-ours"})

    report = remove(target)

    assert report.exit_code == 0
    assert report.by_type["Claim"] == 4
    assert ids(target.fhir_base_url, "Claim", "remove-") == []
    assert ids(target.fhir_base_url, "Patient", "remove-") == ["remove-not-ours"]
    assert load_lake(lake, target).total.loaded == 16


def test_what_others_still_refer_to_is_left_and_reported(target: Settings) -> None:
    shape = Shape("referred", days=1)
    load_lake(tiny_lake(target.lake_path, shape), target)
    subject = {"reference": f"Patient/{patient_of(shape, 0, 0)}"}
    foreign = {"resourceType": "Observation", "id": "referred-o", "status": "final", "code": {"text": "x"}}
    put(target.fhir_base_url, foreign | {"subject": subject})

    report = remove(target)

    assert report.exit_code == 1
    assert report.left == 1
    assert report.failures[0].name == f"Patient/{patient_of(shape, 0, 0)}"
    assert "another resource refers to it (Observation/referred-o)" in report.render()
