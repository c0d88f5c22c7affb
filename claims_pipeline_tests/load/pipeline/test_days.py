"""Days of a lake in any order, and what is wrong with one, with the server in memory."""

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.load import Counts, LoadOptions, load_lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, claim, move_each_day, patient_of, rewrite, tiny_lake, write
from claims_pipeline_tests.load.fake_server import FakeServer


@pytest.mark.heavy
def test_an_older_day_never_overrules_a_newer_one(fake_target: Settings) -> None:
    shape = Shape("older")
    lake = tiny_lake(fake_target.lake_path, shape)
    load_lake(lake, fake_target)
    seen_every_day = patient_of(shape, 0, 2)
    rewrite(lake, schema.PATIENTS, START, pl.col("patient_id") == seen_every_day, address_line="0 Old Street")

    report = load_lake(lake, fake_target)

    assert report.by_type["Patient"] == Counts(read=12, unchanged=11, superseded=1)
    assert report.requests_with_resources == 0


@pytest.mark.heavy
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_days_loaded_in_any_order_end_in_the_same_state(
    fake_server: FakeServer, fake_target: Settings, order: list[int]
) -> None:
    shape = Shape(f"order{''.join(map(str, order))}", claims_a_day=1, patients=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    patient_id = patient_of(shape, 0, 0)
    move_each_day(lake, shape)

    reports = [load_lake(lake, fake_target, days=[shape.dates[number]]) for number in order]

    assert all(report.exit_code == 0 for report in reports)
    assert fake_server.held[f"Patient/{patient_id}"].resource["address"][0]["line"] == ["2 Street"]


@pytest.mark.heavy
def test_a_full_load_sends_everything_and_duplicates_nothing(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("full"))
    load_lake(lake, fake_target)

    report = load_lake(lake, fake_target, full=True)

    assert report.total == Counts(read=40, unchanged=14, already_equal=26)
    assert len(fake_server.names("Claim")) == 12


def test_a_claim_of_a_coverage_that_is_nowhere_is_rejected_before_it_is_sent(fake_target: Settings) -> None:
    shape = Shape("nowhere", days=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), coverage_id="nowhere-at-all")

    first, second = load_lake(lake, fake_target), load_lake(lake, fake_target)

    assert first.by_type["Claim"] == Counts(read=4, created=3, rejected=1)
    assert "refers to Coverage/nowhere-at-all, which is neither in the input nor on the server" in first.render()
    assert first.exit_code == 1
    assert second.by_type["Claim"] == Counts(read=4, unchanged=3, rejected=1)
    assert second.requests_with_resources == 0
    assert second.exit_code == 1


@pytest.mark.heavy
def test_a_rejected_claim_loads_once_its_coverage_has_come(fake_target: Settings) -> None:
    shape = Shape("later", days=2, claims_a_day=1, patients=2)
    lake = tiny_lake(fake_target.lake_path, shape)
    coverages = lake.read(schema.COVERAGES, START)
    write(lake, schema.COVERAGES, [], START)
    assert load_lake(lake, fake_target).by_type["Claim"] == Counts(read=2, created=1, rejected=1)

    write(lake, schema.COVERAGES, coverages.to_dicts(), START)
    report = load_lake(lake, fake_target)

    assert report.by_type["Claim"] == Counts(read=2, unchanged=1, created=1)
    assert report.exit_code == 0


@pytest.mark.heavy
def test_a_dry_run_reports_what_would_be_sent_and_sends_nothing(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("dry"))

    report = load_lake(lake, fake_target, options=LoadOptions(is_dry_run=True))

    assert report.total == Counts(read=40, unchanged=14, to_send=26)
    assert "would send Patient/dry-patient-001 from patients/2025-01-02" in report.render()
    assert report.exit_code == 0
    assert report.requests_with_resources == 0
    assert fake_server.names("Claim") == []
    assert load_lake(lake, fake_target).total.created == 26


@pytest.mark.heavy
def test_a_new_version_of_a_claim_replaces_the_old_one(fake_server: FakeServer, fake_target: Settings) -> None:
    shape = Shape("newer", days=2, claims_a_day=1, patients=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    first_day, second_day = shape.dates
    load_lake(lake, fake_target, days=[first_day])
    changed = claim(shape, first_day, 0, patient_of(shape, 0, 0), claim_status="cancelled", version_number=2)
    write(lake, schema.CLAIMS, [changed], second_day)

    report = load_lake(lake, fake_target, days=[second_day])

    assert report.by_type["Claim"] == Counts(read=1, updated=1)
    assert fake_server.held[f"Claim/{changed['claim_id']}"].resource["status"] == "cancelled"


@pytest.mark.heavy
def test_a_partition_that_cannot_be_read_stops_the_load_and_what_was_sent_is_kept(fake_target: Settings) -> None:
    shape = Shape("broken")
    lake = tiny_lake(fake_target.lake_path, shape)
    path = lake.path(schema.CLAIMS, shape.dates[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:200])

    report = load_lake(lake, fake_target)

    assert isinstance(report.stopped, DataError)
    assert report.exit_code == 1
    assert "not a readable Parquet file" in report.render()
    assert str(path) in report.render()
    assert report.by_type["Patient"].created == 5
    path.write_bytes(whole)
    assert load_lake(lake, fake_target).by_type["Claim"] == Counts(read=12, created=12)
