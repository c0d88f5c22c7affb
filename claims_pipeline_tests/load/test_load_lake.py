"""The lake into the real server: what is sent, what is not, and what the server holds afterwards."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import DataError, FeedMismatch, LedgerMismatch, LoaderLocked
from claims_pipeline.load import Counts, LoadOptions, load_lake
from claims_pipeline.load.ledger.store import holding_lock, open_ledger
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, claim, move_each_day, patient_of, rewrite, tiny_lake, write
from claims_pipeline_tests.load.proxy import faulty
from claims_pipeline_tests.server_state import forget_marker, ids, read, version

pytestmark = pytest.mark.server


def test_a_first_load_puts_the_current_state_of_the_lake_on_the_server(target: Settings) -> None:
    shape = Shape("first")
    lake = tiny_lake(target.lake_path, shape)

    report = load_lake(lake, target)

    assert report.by_type == {
        "Organization": Counts(read=2, created=2),
        "Location": Counts(read=1, created=1),
        "Practitioner": Counts(read=1, created=1),
        "Patient": Counts(read=12, unchanged=7, created=5),
        "Coverage": Counts(read=12, unchanged=7, created=5),
        "Claim": Counts(read=12, created=12),
    }
    assert report.exit_code == 0
    assert len(ids(target.fhir_base_url, "Claim", "first-")) == 12
    assert len(ids(target.fhir_base_url, "Patient", "first-")) == 5


def test_the_same_load_again_sends_one_request_and_no_resource(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("again"))
    load_lake(lake, target)

    report = load_lake(lake, target)

    assert report.total == Counts(read=40, unchanged=40)
    assert report.requests_with_resources == 0
    assert report.requests == 1
    assert "nothing was sent, all of it is unchanged" in report.render()


def test_a_new_address_sends_exactly_that_patient(target: Settings) -> None:
    shape = Shape("address")
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    moved = patient_of(shape, 2, 1)
    rewrite(lake, schema.PATIENTS, shape.dates[2], pl.col("patient_id") == moved, address_line="2 New Street")

    with faulty(target.fhir_base_url, lambda _: None) as proxy:
        forwarded = target.model_copy(update={"fhir_base_url": proxy.base_url})
        report = load_lake(lake, forwarded)

    assert report.total == Counts(read=40, unchanged=39, updated=1)
    sent = [request.body.decode() for request in proxy.seen if request.number]
    assert len(sent) == 1
    assert sent[0].count('"method":"PUT"') == 1
    assert f'"url":"Patient/{moved}"' in sent[0]
    assert read(target.fhir_base_url, f"Patient/{moved}")["address"][0]["line"] == ["2 New Street"]


def test_an_older_day_never_overrules_a_newer_one(target: Settings) -> None:
    shape = Shape("older")
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    seen_every_day = patient_of(shape, 0, 2)
    rewrite(lake, schema.PATIENTS, START, pl.col("patient_id") == seen_every_day, address_line="0 Old Street")

    report = load_lake(lake, target)

    assert report.by_type["Patient"] == Counts(read=12, unchanged=11, superseded=1)
    assert report.requests_with_resources == 0


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_days_loaded_in_any_order_end_in_the_same_state(target: Settings, order: list[int]) -> None:
    shape = Shape(f"order{''.join(map(str, order))}", claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    patient_id = patient_of(shape, 0, 0)
    move_each_day(lake, shape)

    reports = [load_lake(lake, target, days=[shape.dates[number]]) for number in order]

    assert all(report.exit_code == 0 for report in reports)
    assert read(target.fhir_base_url, f"Patient/{patient_id}")["address"][0]["line"] == ["2 Street"]


def test_a_range_loads_its_net_effect_one_version_each(target: Settings) -> None:
    shape = Shape("range", claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    move_each_day(lake, shape)

    report = load_lake(lake, target, days=shape.dates)

    assert report.by_type["Patient"] == Counts(read=3, superseded=2, created=1)
    assert version(target.fhir_base_url, f"Patient/{patient_of(shape, 0, 0)}") == 1
    assert report.by_day["2025-01-03"]["Patient"] == Counts(read=1, created=1)
    assert report.by_day["2025-01-01"]["Patient"] == Counts(read=1, superseded=1)


def test_a_full_load_sends_everything_and_duplicates_nothing(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("full"))
    load_lake(lake, target)

    report = load_lake(lake, target, full=True)

    assert report.total == Counts(read=40, unchanged=14, already_equal=26)
    assert len(ids(target.fhir_base_url, "Claim", "full-")) == 12


def test_a_claim_of_a_coverage_that_is_nowhere_is_rejected_before_it_is_sent(target: Settings) -> None:
    shape = Shape("nowhere", days=1)
    lake = tiny_lake(target.lake_path, shape)
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), coverage_id="nowhere-at-all")

    first, second = load_lake(lake, target), load_lake(lake, target)

    assert first.by_type["Claim"] == Counts(read=4, created=3, rejected=1)
    assert "refers to Coverage/nowhere-at-all, which is neither in the input nor on the server" in first.render()
    assert first.exit_code == 1
    assert second.by_type["Claim"] == Counts(read=4, unchanged=3, rejected=1)
    assert second.requests_with_resources == 0
    assert second.exit_code == 1


def test_a_rejected_claim_loads_once_its_coverage_has_come(target: Settings) -> None:
    shape = Shape("later", days=2, claims_a_day=1, patients=2)
    lake = tiny_lake(target.lake_path, shape)
    coverages = lake.read(schema.COVERAGES, START)
    write(lake, schema.COVERAGES, [], START)
    assert load_lake(lake, target).by_type["Claim"] == Counts(read=2, created=1, rejected=1)

    write(lake, schema.COVERAGES, coverages.to_dicts(), START)
    report = load_lake(lake, target)

    assert report.by_type["Claim"] == Counts(read=2, unchanged=1, created=1)
    assert report.exit_code == 0


def test_the_error_of_a_second_loader_names_the_first(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("locked", days=1))

    with open_ledger(target.ledger_path) as ledger, holding_lock(ledger), pytest.raises(LoaderLocked, match="process"):
        load_lake(lake, target)


def test_a_wiped_server_is_noticed(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("wiped", days=1))
    load_lake(lake, target)
    forget_marker(target.fhir_base_url)

    with pytest.raises(LedgerMismatch, match="wiped since the last load"):
        load_lake(lake, target)


def test_another_ledger_is_not_trusted_with_a_server_that_one_fills(target: Settings, tmp_path: Path) -> None:
    lake = tiny_lake(target.lake_path, Shape("foreign", days=1))
    load_lake(lake, target)

    with pytest.raises(LedgerMismatch, match="another ledger fills this server"):
        load_lake(lake, target, ledger_path=tmp_path / "other.sqlite")


def test_another_feed_with_the_same_ledger_is_refused(target: Settings, tmp_path: Path) -> None:
    load_lake(tiny_lake(target.lake_path, Shape("feed1", days=1)), target)
    other = tiny_lake(tmp_path / "other", Shape("feed2", days=2))

    with pytest.raises(FeedMismatch, match="claims: the lake has 8, the ledger has 4, and more"):
        load_lake(other, target)


def test_a_dry_run_reports_what_would_be_sent_and_sends_nothing(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("dry"))

    report = load_lake(lake, target, options=LoadOptions(is_dry_run=True))

    assert report.total == Counts(read=40, unchanged=14, to_send=26)
    assert "would send Patient/dry-patient-001 from patients/2025-01-02" in report.render()
    assert report.exit_code == 0
    assert report.requests_with_resources == 0
    assert ids(target.fhir_base_url, "Claim", "dry-") == []
    assert load_lake(lake, target).total.created == 26


def test_a_day_that_the_lake_does_not_have_is_refused(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("absent"))

    with pytest.raises(DataError, match="no partition of 2024-02-29; it has 2025-01-01 to 2025-01-03"):
        load_lake(lake, target, days=[date(2024, 2, 29)])


def test_a_new_version_of_a_claim_replaces_the_old_one(target: Settings) -> None:
    shape = Shape("newer", days=2, claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    first_day, second_day = shape.dates
    load_lake(lake, target, days=[first_day])
    changed = claim(shape, first_day, 0, patient_of(shape, 0, 0), claim_status="cancelled", version_number=2)
    write(lake, schema.CLAIMS, [changed], second_day)

    report = load_lake(lake, target, days=[second_day])

    assert report.by_type["Claim"] == Counts(read=1, updated=1)
    assert read(target.fhir_base_url, f"Claim/{changed['claim_id']}")["status"] == "cancelled"


def test_a_partition_that_cannot_be_read_stops_the_load_and_what_was_sent_is_kept(target: Settings) -> None:
    shape = Shape("broken")
    lake = tiny_lake(target.lake_path, shape)
    path = lake.path(schema.CLAIMS, shape.dates[1])
    whole = path.read_bytes()
    path.write_bytes(whole[:200])

    report = load_lake(lake, target)

    assert isinstance(report.stopped, DataError)
    assert report.exit_code == 1
    assert "not a readable Parquet file" in report.render()
    assert str(path) in report.render()
    assert report.by_type["Patient"].created == 5
    path.write_bytes(whole)
    assert load_lake(lake, target).by_type["Claim"] == Counts(read=12, created=12)
