"""What a partition no longer holds, on the real server (pipeline/test_lake.py, test_vanished_lake.py: each branch)."""

import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.load import Counts, LoadOptions, Vanished, load_lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import (
    START,
    Shape,
    move_each_day,
    patient_of,
    tiny_lake,
    without,
    write,
)
from claims_pipeline_tests.server_state import put, read, version

pytestmark = pytest.mark.server


def test_a_vanished_claim_can_be_entered_in_error(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("error", days=1))
    load_lake(lake, target)
    claims = lake.read(schema.CLAIMS, START)
    without(lake, schema.CLAIMS, pl.col("claim_id") == "error-claim-20250101-000001")
    assert load_lake(lake, target).vanished == {"Claim kept": 1}

    report = load_lake(lake, target, options=LoadOptions(vanished=Vanished.ENTERED_IN_ERROR))

    assert report.vanished == {"Claim entered in error": 1}
    assert read(target.fhir_base_url, "Claim/error-claim-20250101-000001")["status"] == "entered-in-error"
    write(lake, schema.CLAIMS, claims.to_dicts(), START)
    assert load_lake(lake, target).by_type["Claim"] == Counts(read=4, unchanged=3, updated=1)


def test_vanished_resources_can_be_deleted_in_reverse_order_of_references(target: Settings) -> None:
    shape = Shape("gone", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    patient_id = patient_of(shape, 0, 1)
    for table in (schema.CLAIMS, schema.COVERAGES, schema.PATIENTS):
        without(lake, table, pl.col("patient_id") == patient_id)

    report = load_lake(lake, target, options=LoadOptions(vanished=Vanished.DELETE))

    assert report.vanished == {"Claim deleted": 1, "Coverage deleted": 1, "Patient deleted": 1}
    assert report.exit_code == 0
    answer = httpx.get(f"{target.fhir_base_url}/Patient/{patient_id}", trust_env=False)
    assert answer.status_code == 410
    assert load_lake(lake, target).requests_with_resources == 0


def test_a_deletion_that_the_server_refuses_is_reported_and_ends_with_exit_code_1(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("referred2", days=1))
    load_lake(lake, target)
    claim_id = "referred2-claim-20250101-000001"
    subject = {"reference": f"Claim/{claim_id}"}
    put(target.fhir_base_url, {"resourceType": "Basic", "id": "referred2-b", "code": {"text": "x"}, "subject": subject})
    without(lake, schema.CLAIMS, pl.col("claim_id") == claim_id)

    report = load_lake(lake, target, options=LoadOptions(vanished=Vanished.DELETE))

    assert report.vanished == {"Claim not deleted": 1}
    assert report.exit_code == 1
    assert f"not deleted Claim/{claim_id}" in report.render()


def test_every_version_is_in_the_servers_history_if_asked_for(target: Settings) -> None:
    shape = Shape("history", days=3, claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    move_each_day(lake, shape)

    report = load_lake(lake, target, options=LoadOptions(has_every_version=True))

    patient = f"Patient/{patient_of(shape, 0, 0)}"
    assert report.by_type["Patient"] == Counts(read=3, created=1, updated=2)
    assert version(target.fhir_base_url, patient) == 3
    assert read(target.fhir_base_url, patient)["address"][0]["line"] == ["2 Street"]
