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
    LoadOptions,
    OnMismatch,
    Vanished,
    load_files,
    load_lake,
    reconcile,
    remove,
)
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import (
    START,
    Shape,
    cancelled_on_the_second_day,
    patient_of,
    rewrite,
    tiny_lake,
    without,
    write,
)
from claims_pipeline_tests.load.fake_server import FakeServer, every_transaction, stored

DELETE = LoadOptions(vanished=Vanished.DELETE)


def cancellation_lost(target: Settings, prefix: str) -> tuple[Lake, Shape, str]:
    """Load a claim that is cancelled on the second day, which then loses it."""
    lake, shape, claim_id = cancelled_on_the_second_day(target.lake_path, prefix)
    load_lake(lake, target)
    write(lake, schema.CLAIMS, [], shape.dates[1])
    return lake, shape, claim_id


@pytest.mark.heavy
def test_a_file_that_is_put_back_is_loaded_again_after_a_rejection_in_between(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("putback", days=1))
    load_lake(lake, fake_target)
    before = lake.read(schema.CLAIMS, START)
    rewrite(lake, schema.CLAIMS, START, pl.lit(True), patient_name="Someone Else")
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), patient_id="putback-nobody")
    report = load_lake(lake, fake_target)
    assert (report.total.updated, report.total.rejected) == (3, 1)

    write(lake, schema.CLAIMS, before.to_dicts(), START)
    report = load_lake(lake, fake_target)

    assert report.total.updated == 3
    assert report.exit_code == 0
    assert fake_server.held["Claim/putback-claim-20250101-000000"].resource["patient"]["display"] == "Ada Miller"


@pytest.mark.heavy
def test_what_vanished_is_remembered_though_the_load_stopped_later(fake_target: Settings) -> None:
    shape = Shape("stopped", days=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    load_lake(lake, fake_target)
    gone = patient_of(shape, 0, 0)
    claims = lake.read(schema.CLAIMS, START).filter(pl.col("patient_id") != gone)
    without(lake, schema.COVERAGES, pl.col("patient_id") == gone)
    lake.path(schema.CLAIMS, START).write_bytes(b"PAR1 and no more")
    assert load_lake(lake, fake_target).stopped is not None
    write(lake, schema.CLAIMS, claims.to_dicts(), START)

    report = load_lake(lake, fake_target, options=DELETE)

    assert report.vanished == {"Claim deleted": 1, "Coverage deleted": 1}


@pytest.mark.heavy
def test_a_vanished_claim_that_an_older_day_holds_again_is_not_deleted(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    shape = Shape("older-day", days=2, claims_a_day=1, patients=2)
    lake = tiny_lake(fake_target.lake_path, shape)
    first_day, second_day = shape.dates
    rows = {day: lake.read(schema.CLAIMS, day).to_dicts() for day in shape.dates}
    tables = (schema.PATIENTS, schema.COVERAGES)
    people = {table.name: [row for day in shape.dates for row in lake.read(table, day).to_dicts()] for table in tables}
    load_lake(lake, fake_target)
    write(lake, schema.CLAIMS, [], second_day)
    assert load_lake(lake, fake_target).vanished == {"Claim kept": 1}
    for table in tables:
        write(lake, table, people[table.name], first_day)
    write(lake, schema.CLAIMS, rows[first_day] + rows[second_day], first_day)

    report = load_lake(lake, fake_target, options=DELETE)

    assert report.vanished == {}
    assert len(fake_server.names("Claim")) == 2


@pytest.mark.heavy
def test_what_was_entered_in_error_can_be_deleted_later(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("both", days=1))
    load_lake(lake, fake_target)
    without(lake, schema.CLAIMS, pl.col("claim_id") == "both-claim-20250101-000001")
    load_lake(lake, fake_target, options=LoadOptions(vanished=Vanished.ENTERED_IN_ERROR))

    report = load_lake(lake, fake_target, options=DELETE)

    assert report.vanished == {"Claim deleted": 1}
    assert len(fake_server.names("Claim")) == 3


@pytest.mark.heavy
def test_a_lost_day_is_found_again_by_the_load_after_one_that_failed_over_it(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    lake, shape, claim_id = cancellation_lost(fake_target, "lost2")
    shutil.rmtree(lake.path(schema.CLAIMS, shape.dates[1]).parent)
    fake_server.behave(every_transaction(401))
    report = load_lake(lake, fake_target, options=DELETE)
    assert report.stopped is not None
    assert report.vanished == {}
    fake_server.behave_well()

    report = load_lake(lake, fake_target, options=DELETE)

    assert report.vanished == {}
    assert fake_server.held[f"Claim/{claim_id}"].resource["status"] == "active"


@pytest.mark.heavy
def test_the_lake_takes_back_what_files_overruled(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    shape = Shape("overruled", days=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    load_lake(lake, fake_target)
    name = f"Patient/{patient_of(shape, 0, 0)}"
    (tmp_path / "over.ndjson").write_text(json.dumps(fake_server.held[name].resource | {"gender": "unknown"}))
    take_over = LoadOptions(take_over=True)
    assert load_files([str(tmp_path / "over.ndjson")], fake_target, options=take_over).total.updated == 1

    report = load_lake(lake, fake_target, options=take_over)

    assert report.total.updated == 1
    assert fake_server.held[name].resource["gender"] == "female"


@pytest.mark.heavy
def test_a_reset_that_did_not_reach_the_server_leaves_the_ledger_as_it_was(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("unreached", days=1))
    load_lake(lake, fake_target)
    other = tiny_lake(tmp_path / "other", Shape("unreached", days=2))
    fake_server.behave(lambda _: httpx.ConnectError("refused"))
    with pytest.raises(ServerUnavailable):
        load_lake(other, fake_target, wait=False, options=LoadOptions(on_mismatch=OnMismatch.RESET))
    fake_server.behave_well()

    with pytest.raises(FeedMismatch):
        load_lake(other, fake_target)
    assert load_lake(lake, fake_target).requests_with_resources == 0


@pytest.mark.heavy
def test_an_incomplete_removal_is_no_complete_load(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("half", days=1))
    load_lake(lake, fake_target)
    claim_id = "half-claim-20250101-000001"
    foreign = {"resourceType": "Basic", "id": "half-b", "subject": {"reference": f"Claim/{claim_id}"}}
    fake_server.held["Basic/half-b"] = stored(1, foreign)
    assert remove(fake_target).exit_code == 1

    report = load_lake(lake, fake_target)

    assert report.exit_code == 0
    assert report.total.loaded > 0
    assert len(fake_server.names("Claim")) == 4
    assert reconcile(fake_target, deep=True).is_equal


@pytest.mark.heavy
def test_a_ledger_that_takes_nothing_while_we_remove_is_named(fake_target: Settings) -> None:
    load_lake(tiny_lake(fake_target.lake_path, Shape("locked", days=1)), fake_target)
    with sqlite3.connect(fake_target.ledger_path) as ledger:
        ledger.execute("create trigger refuse before update on resources begin select raise(abort, 'disk full'); end")

    with pytest.raises(LedgerUnusable, match="disk full"):
        remove(fake_target)
