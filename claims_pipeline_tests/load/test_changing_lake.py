"""The lake changes between loads, and loads end early: the next one still brings the server to what the lake holds."""

import json
import shutil
import sqlite3
from pathlib import Path

import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import FeedMismatch, LedgerUnusable, ServerUnavailable
from claims_pipeline.lake import Lake
from claims_pipeline.load import (
    Counts,
    LoadOptions,
    OnMismatch,
    Vanished,
    list_dead_letters,
    load_files,
    load_lake,
    reconcile,
    remove,
)
from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import (
    START,
    Shape,
    cancelled_on_the_second_day,
    claim,
    patient_of,
    rewrite,
    tiny_lake,
    without,
    write,
)
from claims_pipeline_tests.load.proxy import Fault, faulty
from claims_pipeline_tests.server_state import ids, put, read

pytestmark = pytest.mark.server

DELETE = LoadOptions(vanished=Vanished.DELETE)


def cancellation_lost(target: Settings, prefix: str) -> tuple[Lake, Shape, str]:
    """Load a claim that is cancelled on the second day, which then loses it."""
    lake, shape, claim_id = cancelled_on_the_second_day(target.lake_path, prefix)
    load_lake(lake, target)
    write(lake, schema.CLAIMS, [], shape.dates[1])
    return lake, shape, claim_id


def test_a_file_that_is_put_back_is_loaded_again_after_a_rejection_in_between(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("putback", days=1))
    load_lake(lake, target)
    before = lake.read(schema.CLAIMS, START)
    rewrite(lake, schema.CLAIMS, START, pl.lit(True), patient_name="Someone Else")
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), patient_id="putback-nobody")
    report = load_lake(lake, target)
    assert (report.total.updated, report.total.rejected) == (3, 1)

    write(lake, schema.CLAIMS, before.to_dicts(), START)
    report = load_lake(lake, target)

    assert report.total.updated == 3
    assert report.exit_code == 0
    assert read(target.fhir_base_url, "Claim/putback-claim-20250101-000000")["patient"]["display"] == "Ada Miller"


def test_a_row_that_fhir_cannot_hold_is_a_dead_letter_and_harms_no_other(target: Settings) -> None:
    shape = Shape("unheld", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(target.lake_path, shape)
    patient_id = patient_of(shape, 0, 0)
    rewrite(lake, schema.PATIENTS, START, pl.col("patient_id") == patient_id, gender="not a gender")

    report = load_lake(lake, target)

    assert report.by_type["Patient"] == Counts(read=4, unchanged=1, created=2, rejected=1)
    assert report.by_type["Claim"].rejected == 1
    assert report.exit_code == 1
    assert f"refers to Patient/{patient_id}, which was rejected" in report.render()
    letters = list_dead_letters(target).filter(resource_id=patient_id)
    assert letters["reason"].to_list() == [f"gender is missing or not allowed: 'not a gender' in {patient_id}"]

    rewrite(lake, schema.PATIENTS, START, pl.lit(True), gender="female")
    report = load_lake(lake, target)

    assert report.exit_code == 0
    assert (report.by_type["Patient"].created, report.by_type["Claim"].created) == (1, 1)
    assert list_dead_letters(target).is_empty()
    assert reconcile(target, deep=True).is_equal


def test_what_vanished_is_remembered_though_the_load_stopped_later(target: Settings) -> None:
    shape = Shape("stopped", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    gone = patient_of(shape, 0, 0)
    claims = lake.read(schema.CLAIMS, START).filter(pl.col("patient_id") != gone)
    without(lake, schema.COVERAGES, pl.col("patient_id") == gone)
    lake.path(schema.CLAIMS, START).write_bytes(b"PAR1 and no more")
    assert load_lake(lake, target).stopped is not None
    write(lake, schema.CLAIMS, claims.to_dicts(), START)

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {"Claim deleted": 1, "Coverage deleted": 1}


def test_an_older_version_that_could_not_be_sent_has_not_vanished(target: Settings) -> None:
    lake, _, claim_id = cancellation_lost(target, "unsent")
    with faulty(target.fhir_base_url, lambda request: Fault(status=500) if request.number else None) as proxy:
        impatient = target.model_copy(update={"fhir_base_url": proxy.base_url, "fhir_patience_seconds": 1.0})
        report = load_lake(lake, impatient, options=DELETE)
    assert report.total.failed == 1
    assert report.vanished == {}

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {}
    assert read(target.fhir_base_url, f"Claim/{claim_id}")["status"] == "active"


def test_a_vanished_claim_that_an_older_day_holds_again_is_not_deleted(target: Settings) -> None:
    shape = Shape("older-day", days=2, claims_a_day=1, patients=2)
    lake = tiny_lake(target.lake_path, shape)
    first_day, second_day = shape.dates
    rows = {day: lake.read(schema.CLAIMS, day).to_dicts() for day in shape.dates}
    tables = (schema.PATIENTS, schema.COVERAGES)
    people = {table.name: [row for day in shape.dates for row in lake.read(table, day).to_dicts()] for table in tables}
    load_lake(lake, target)
    write(lake, schema.CLAIMS, [], second_day)
    assert load_lake(lake, target).vanished == {"Claim kept": 1}
    for table in tables:
        write(lake, table, people[table.name], first_day)
    write(lake, schema.CLAIMS, rows[first_day] + rows[second_day], first_day)

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {}
    assert len(ids(target.fhir_base_url, "Claim", "older-day-")) == 2


def test_a_dry_run_reports_what_would_be_deleted_and_which_older_version_would_be_sent(target: Settings) -> None:
    lake, shape, claim_id = cancellation_lost(target, "foresight")
    without(lake, schema.CLAIMS, pl.lit(True))
    write(lake, schema.CLAIMS, [claim(shape, START, 7, patient_of(shape, 0, 0))], START)
    foreseen = load_lake(lake, target, options=LoadOptions(is_dry_run=True, vanished=Vanished.DELETE))

    done = load_lake(lake, target, options=DELETE)

    assert foreseen.vanished == done.vanished == {"Claim deleted": 1}
    assert foreseen.total.to_send == done.total.loaded == 1
    assert "Claim deleted: 1" in done.render()
    assert httpx.get(f"{target.fhir_base_url}/Claim/{claim_id}", trust_env=False).status_code == 410


def test_a_dry_run_counts_an_older_version_as_to_send(target: Settings) -> None:
    lake, _, _ = cancellation_lost(target, "older")

    report = load_lake(lake, target, options=LoadOptions(is_dry_run=True))

    assert report.total.to_send == 1
    assert report.vanished == {}


def test_a_deletion_that_the_server_refuses_is_reported_and_ends_with_exit_code_1(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("referred2", days=1))
    load_lake(lake, target)
    claim_id = "referred2-claim-20250101-000001"
    put(target.fhir_base_url, {"resourceType": "Basic", "id": "referred2-b", "code": {"text": "x"}} | _refers(claim_id))
    without(lake, schema.CLAIMS, pl.col("claim_id") == claim_id)

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {"Claim not deleted": 1}
    assert report.exit_code == 1
    assert f"not deleted Claim/{claim_id}" in report.render()


def test_what_was_entered_in_error_can_be_deleted_later(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("both", days=1))
    load_lake(lake, target)
    without(lake, schema.CLAIMS, pl.col("claim_id") == "both-claim-20250101-000001")
    load_lake(lake, target, options=LoadOptions(vanished=Vanished.ENTERED_IN_ERROR))

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {"Claim deleted": 1}
    assert len(ids(target.fhir_base_url, "Claim", "both-")) == 3


def test_a_lost_day_is_found_again_by_the_load_after_one_that_failed_over_it(target: Settings) -> None:
    lake, shape, claim_id = cancellation_lost(target, "lost2")
    shutil.rmtree(lake.path(schema.CLAIMS, shape.dates[1]).parent)
    with faulty(target.fhir_base_url, lambda request: Fault(status=401) if request.number else None) as proxy:
        report = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url}), options=DELETE)
    assert report.stopped is not None
    assert report.vanished == {}

    report = load_lake(lake, target, options=DELETE)

    assert report.vanished == {}
    assert read(target.fhir_base_url, f"Claim/{claim_id}")["status"] == "active"


def test_the_lake_takes_back_what_files_overruled(target: Settings, tmp_path: Path) -> None:
    shape = Shape("overruled", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    name = f"Patient/{patient_of(shape, 0, 0)}"
    (tmp_path / "over.ndjson").write_text(json.dumps(read(target.fhir_base_url, name) | {"gender": "unknown"}))
    take_over = LoadOptions(take_over=True)
    assert load_files([str(tmp_path / "over.ndjson")], target, options=take_over).total.updated == 1

    report = load_lake(lake, target, options=take_over)

    assert report.total.updated == 1
    assert read(target.fhir_base_url, name)["gender"] == "female"


def test_a_reset_that_did_not_reach_the_server_leaves_the_ledger_as_it_was(target: Settings, tmp_path: Path) -> None:
    lake = tiny_lake(target.lake_path, Shape("unreached", days=1))
    load_lake(lake, target)
    other = tiny_lake(tmp_path / "other", Shape("unreached", days=2))
    nowhere = target.model_copy(update={"fhir_base_url": f"http://127.0.0.1:{free_port()}/fhir"})
    with pytest.raises(ServerUnavailable):
        load_lake(other, nowhere, wait=False, options=LoadOptions(on_mismatch=OnMismatch.RESET))

    with pytest.raises(FeedMismatch):
        load_lake(other, target)
    assert load_lake(lake, target).requests_with_resources == 0


def test_an_incomplete_removal_is_no_complete_load(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("half", days=1))
    load_lake(lake, target)
    claim_id = "half-claim-20250101-000001"
    put(target.fhir_base_url, {"resourceType": "Basic", "id": "half-b", "code": {"text": "x"}} | _refers(claim_id))
    assert remove(target).exit_code == 1

    report = load_lake(lake, target)

    assert report.exit_code == 0
    assert report.total.loaded > 0
    assert len(ids(target.fhir_base_url, "Claim", "half-")) == 4
    assert reconcile(target, deep=True).is_equal


def test_a_ledger_that_takes_nothing_while_we_remove_is_named(target: Settings) -> None:
    load_lake(tiny_lake(target.lake_path, Shape("locked", days=1)), target)
    with sqlite3.connect(target.ledger_path) as ledger:
        ledger.execute("create trigger refuse before update on resources begin select raise(abort, 'disk full'); end")

    with pytest.raises(LedgerUnusable, match="disk full"):
        remove(target)


def _refers(claim_id: str) -> dict[str, object]:
    return {"subject": {"reference": f"Claim/{claim_id}"}}
