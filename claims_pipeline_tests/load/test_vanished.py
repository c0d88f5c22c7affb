"""What a partition no longer holds: an older version takes its place, or it has vanished."""

import shutil

import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.load import Counts, LoadOptions, Vanished, load_lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import (
    START,
    Shape,
    cancelled_on_the_second_day,
    move_each_day,
    patient_of,
    tiny_lake,
    without,
    write,
)
from claims_pipeline_tests.server_state import ids, read, version

pytestmark = pytest.mark.server


def test_a_vanished_claim_is_kept_and_said_unless_something_else_is_asked_for(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("kept", days=1))
    load_lake(lake, target)
    without(lake, schema.CLAIMS, pl.col("claim_id") == "kept-claim-20250101-000001")

    report = load_lake(lake, target)

    assert report.vanished == {"Claim kept": 1}
    assert report.requests_with_resources == 0
    assert len(ids(target.fhir_base_url, "Claim", "kept-")) == 4


@pytest.mark.parametrize("is_kept_before", [True, False])
def test_a_vanished_claim_can_be_entered_in_error(target: Settings, is_kept_before: bool) -> None:
    prefix = f"error{int(is_kept_before)}"
    lake = tiny_lake(target.lake_path, Shape(prefix, days=1))
    load_lake(lake, target)
    claims = lake.read(schema.CLAIMS, START)
    without(lake, schema.CLAIMS, pl.col("claim_id") == f"{prefix}-claim-20250101-000001")
    if is_kept_before:
        load_lake(lake, target)

    report = load_lake(lake, target, options=LoadOptions(vanished=Vanished.ENTERED_IN_ERROR))

    assert report.vanished == {"Claim entered in error": 1}
    assert read(target.fhir_base_url, f"Claim/{prefix}-claim-20250101-000001")["status"] == "entered-in-error"
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


def test_the_version_of_an_older_day_takes_the_place_of_one_that_is_gone(target: Settings) -> None:
    lake, shape, claim_id = cancelled_on_the_second_day(target.lake_path, "back")
    load_lake(lake, target)
    assert read(target.fhir_base_url, f"Claim/{claim_id}")["status"] == "cancelled"

    write(lake, schema.CLAIMS, [], shape.dates[1])
    report = load_lake(lake, target)

    assert report.vanished == {}
    assert read(target.fhir_base_url, f"Claim/{claim_id}")["status"] == "active"
    assert load_lake(lake, target).requests_with_resources == 0


def test_a_day_that_the_lake_no_longer_has_counts_as_empty(target: Settings) -> None:
    shape = Shape("lostday", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    shutil.rmtree(lake.path(schema.CLAIMS, shape.dates[1]).parent)

    report = load_lake(lake, target)

    assert report.vanished == {"Claim kept": 2}


def test_every_version_is_in_the_servers_history_if_asked_for(target: Settings) -> None:
    shape = Shape("history", days=3, claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    move_each_day(lake, shape)

    report = load_lake(lake, target, options=LoadOptions(has_every_version=True))

    patient = f"Patient/{patient_of(shape, 0, 0)}"
    assert report.by_type["Patient"] == Counts(read=3, created=1, updated=2)
    assert version(target.fhir_base_url, patient) == 3
    assert read(target.fhir_base_url, patient)["address"][0]["line"] == ["2 Street"]
