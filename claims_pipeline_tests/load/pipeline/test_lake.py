"""What a lake holds on several days and no longer holds, with the server in memory (test_vanished.py: the real one)."""

import asyncio
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import FeedMismatch, LoaderLocked
from claims_pipeline.lake import Lake
from claims_pipeline.load import Counts, LoadOptions, OnMismatch, Vanished, list_dead_letters, load_lake, reconcile
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.sources import lake as lake_source
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import (
    START,
    Shape,
    cancelled_on_the_second_day,
    claim,
    move_each_day,
    patient_of,
    rewrite,
    tiny_lake,
    without,
    write,
)
from claims_pipeline_tests.load.fake_server import FakeServer, Request, every_transaction

DRY = LoadOptions(is_dry_run=True, vanished=Vanished.DELETE)
DELETE = LoadOptions(vanished=Vanished.DELETE)


def status(server: FakeServer, claim_id: str) -> Any:
    return server.held[f"Claim/{claim_id}"].resource["status"]


@pytest.fixture
def cancelled(fake_target: Settings) -> tuple[Lake, Shape, str]:
    """A loaded lake, and a claim in it that is active on the first day and cancelled on the second."""
    lake, shape, claim_id = cancelled_on_the_second_day(fake_target.lake_path, "lake")
    load_lake(lake, fake_target)
    return lake, shape, claim_id


def moving_patient(target: Settings) -> tuple[Lake, str]:
    shape = Shape("moves", days=3, claims_a_day=1, patients=1)
    lake = tiny_lake(target.lake_path, shape)
    move_each_day(lake, shape)
    return lake, f"Patient/{patient_of(shape, 0, 0)}"


@pytest.mark.heavy
def test_the_newest_of_several_versions_is_sent_alone(fake_server: FakeServer, fake_target: Settings) -> None:
    lake, patient = moving_patient(fake_target)

    report = load_lake(lake, fake_target)

    assert report.by_type["Patient"] == Counts(read=3, superseded=2, created=1)
    assert report.by_day["2025-01-03"]["Patient"] == Counts(read=1, created=1)
    assert report.by_day["2025-01-01"]["Patient"] == Counts(read=1, superseded=1)
    assert fake_server.held[patient].version == 1
    assert fake_server.held[patient].resource["address"][0]["line"] == ["2 Street"]


@pytest.mark.heavy
def test_every_version_is_sent_in_its_turn_if_asked_for(fake_server: FakeServer, fake_target: Settings) -> None:
    lake, patient = moving_patient(fake_target)

    report = load_lake(lake, fake_target, options=LoadOptions(has_every_version=True))

    assert report.by_type["Patient"] == Counts(read=3, created=1, updated=2)
    assert fake_server.held[patient].version == 3
    assert fake_server.held[patient].resource["address"][0]["line"] == ["2 Street"]
    assert load_lake(lake, fake_target).requests_with_resources == 0


@pytest.mark.heavy
def test_an_unchanged_lake_is_counted_by_type_and_day_without_being_opened(
    fake_target: Settings, cancelled: tuple[Lake, Shape, str]
) -> None:
    lake, shape, _ = cancelled

    report = load_lake(lake, fake_target)

    assert report.requests_with_resources == 0
    assert report.by_day[shape.dates[1].isoformat()]["Claim"] == Counts(read=1, unchanged=1)
    assert "" not in report.by_day
    assert report.total == Counts(read=10, unchanged=10)


@pytest.mark.heavy
def test_rows_that_are_written_with_other_bytes_are_compared_once_and_not_sent(
    fake_target: Settings, cancelled: tuple[Lake, Shape, str]
) -> None:
    lake, shape, _ = cancelled
    for table in schema.DAILY:
        for day in shape.dates:
            lake.read(table, day).write_parquet(lake.path(table, day), compression="uncompressed")

    compared, unchanged = load_lake(lake, fake_target), load_lake(lake, fake_target)

    assert (compared.requests_with_resources, compared.total) == (0, Counts(read=10, unchanged=9, superseded=1))
    assert (unchanged.requests_with_resources, unchanged.total) == (0, Counts(read=10, unchanged=10))


@pytest.mark.heavy
def test_the_version_of_an_older_day_takes_the_place_of_one_that_is_gone(
    fake_server: FakeServer, fake_target: Settings, cancelled: tuple[Lake, Shape, str]
) -> None:
    lake, shape, claim_id = cancelled
    write(lake, schema.CLAIMS, [], shape.dates[1])

    foreseen = load_lake(lake, fake_target, options=DRY)
    assert (foreseen.total.to_send, foreseen.vanished) == (1, {})
    assert status(fake_server, claim_id) == "cancelled"

    done = load_lake(lake, fake_target, options=DELETE)
    assert (done.total.loaded, done.vanished) == (1, {})
    assert status(fake_server, claim_id) == "active"
    assert load_lake(lake, fake_target, options=DELETE).requests_with_resources == 0


@pytest.mark.heavy
def test_a_dry_run_foresees_what_is_deleted_and_what_comes_in_its_place(
    fake_server: FakeServer, fake_target: Settings, cancelled: tuple[Lake, Shape, str]
) -> None:
    lake, shape, claim_id = cancelled
    write(lake, schema.CLAIMS, [], shape.dates[1])
    write(lake, schema.CLAIMS, [claim(shape, START, 7, patient_of(shape, 0, 0))], START)

    foreseen = load_lake(lake, fake_target, options=DRY)
    done = load_lake(lake, fake_target, options=DELETE)

    assert foreseen.vanished == done.vanished == {"Claim deleted": 1}
    assert foreseen.total.to_send == done.total.loaded == 1
    assert "Claim deleted: 1" in done.render()
    assert f"Claim/{claim_id}" not in fake_server.held


@pytest.mark.heavy
def test_an_older_version_that_could_not_be_sent_has_not_vanished(
    fake_server: FakeServer, fake_target: Settings, cancelled: tuple[Lake, Shape, str]
) -> None:
    lake, shape, claim_id = cancelled
    write(lake, schema.CLAIMS, [], shape.dates[1])
    fake_server.behave(every_transaction(502))

    report = load_lake(lake, fake_target.model_copy(update={"fhir_patience_seconds": 0.05}), options=DELETE)

    assert (report.total.failed, report.vanished) == (1, {})
    fake_server.behave_well()
    assert load_lake(lake, fake_target, options=DELETE).vanished == {}
    assert status(fake_server, claim_id) == "active"


@pytest.mark.heavy
def test_a_day_that_the_lake_no_longer_has_counts_as_empty(fake_server: FakeServer, fake_target: Settings) -> None:
    shape = Shape("lostday", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(fake_target.lake_path, shape)
    load_lake(lake, fake_target)
    shutil.rmtree(lake.path(schema.CLAIMS, shape.dates[1]).parent)

    assert load_lake(lake, fake_target, options=LoadOptions(is_dry_run=True)).vanished == {"Claim kept": 2}
    assert load_lake(lake, fake_target, days=[START]).vanished == {}
    assert load_lake(lake, fake_target).vanished == {"Claim kept": 2}
    assert load_lake(lake, fake_target, options=DELETE).vanished == {"Claim deleted": 2}
    assert len(fake_server.names("Claim")) == 2


@pytest.mark.heavy
def test_a_partition_with_something_rejected_is_read_again(fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("again", days=2, claims_a_day=2))
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("1"), patient_id="nobody")

    assert load_lake(lake, fake_target).total.rejected == 1
    again = load_lake(lake, fake_target)

    assert again.by_day["2025-01-01"]["Claim"] == Counts(read=2, unchanged=1, rejected=1)
    assert [row["bundle"] for row in list_dead_letters(fake_target).to_dicts()] == [""]
    assert again.exit_code == 1


@pytest.mark.heavy
@pytest.mark.parametrize(("types", "unsent"), [(["Claim"], 0), (["Patient"], 1)])
def test_only_the_types_that_are_wanted_are_looked_at(
    fake_target: Settings, cancelled: tuple[Lake, Shape, str], types: Collection[str], unsent: int
) -> None:
    lake, _, _ = cancelled
    without(lake, schema.PATIENTS, pl.lit(True))
    write(lake, schema.PATIENTS, [], START.replace(day=2))

    report = load_lake(lake, fake_target, options=LoadOptions(types=frozenset(types)))

    assert report.vanished == ({"Patient kept": unsent} if unsent else {})


@pytest.mark.heavy
def test_a_row_that_fhir_cannot_hold_is_a_dead_letter_and_harms_no_other(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    shape = Shape("unheld", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(fake_target.lake_path, shape)
    patient_id = patient_of(shape, 0, 0)
    rewrite(lake, schema.PATIENTS, START, pl.col("patient_id") == patient_id, gender="not a gender")

    report = load_lake(lake, fake_target)

    assert report.by_type["Patient"] == Counts(read=4, unchanged=1, created=2, rejected=1)
    assert (report.by_type["Claim"].created, report.by_type["Claim"].rejected) == (3, 1)
    assert f"refers to Patient/{patient_id}, which was rejected" in report.render()
    letter = list_dead_letters(fake_target).filter(resource_id=patient_id).row(0, named=True)
    assert letter["reason"] == f"gender is missing or not allowed: 'not a gender' in {patient_id}"
    assert (letter["origin"], letter["as_of"], letter["source"]) == ("patients", "2025-01-01", "patients/2025-01-01")
    assert f"Patient/{patient_id}" not in fake_server.held

    again = load_lake(lake, fake_target)

    assert again.by_type["Patient"].rejected == 1
    assert again.requests_with_resources == 0

    rewrite(lake, schema.PATIENTS, START, pl.lit(True), gender="female")
    mended = load_lake(lake, fake_target)

    assert mended.exit_code == 0
    assert (mended.by_type["Patient"].created, mended.by_type["Claim"].created) == (1, 1)
    assert list_dead_letters(fake_target).is_empty()
    assert reconcile(fake_target, deep=True).is_equal


@pytest.mark.heavy
def test_a_row_that_fhir_cannot_hold_does_not_overrule_a_later_version(fake_target: Settings) -> None:
    shape = Shape("unheld", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(fake_target.lake_path, shape)
    on_both_days = pl.col("patient_id") == patient_of(shape, 0, 1)
    rewrite(lake, schema.PATIENTS, START, on_both_days, gender="not a gender")

    foreseen = load_lake(lake, fake_target, options=LoadOptions(is_dry_run=True))
    report = load_lake(lake, fake_target)

    assert foreseen.by_type["Patient"] == Counts(read=4, superseded=1, to_send=3)
    assert report.by_type["Patient"] == Counts(read=4, superseded=1, created=3)
    assert report.exit_code == 0
    assert load_lake(lake, fake_target).requests_with_resources == 0


@pytest.mark.heavy
def test_another_feed_with_the_same_ledger_is_refused_unless_the_ledger_is_reset(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    load_lake(tiny_lake(tmp_path / "a", Shape("one", days=1, claims_a_day=1)), fake_target)
    other = tiny_lake(tmp_path / "b", Shape("two", days=2, claims_a_day=1))

    with pytest.raises(FeedMismatch, match="the lake has 2, the ledger has 1"):
        load_lake(other, fake_target)
    assert not any("two" in name for name in fake_server.names())

    report = load_lake(other, fake_target, options=LoadOptions(on_mismatch=OnMismatch.RESET))
    assert report.by_type["Claim"].created == 2
    assert load_lake(other, fake_target).requests_with_resources == 0


@pytest.mark.heavy
def test_a_dry_run_of_another_feed_binds_the_ledger_to_nothing(fake_target: Settings, tmp_path: Path) -> None:
    load_lake(tiny_lake(tmp_path / "a", Shape("one", days=1, claims_a_day=1)), fake_target, options=DRY)

    other = tiny_lake(tmp_path / "b", Shape("two", days=2, claims_a_day=1))

    assert load_lake(other, fake_target).by_type["Claim"].created == 2


def test_a_second_loader_fails_at_once_and_names_the_first(fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("lock", days=1, claims_a_day=1))

    with (
        open_ledger(fake_target.ledger_path) as ledger,
        holding_lock(ledger),
        pytest.raises(LoaderLocked, match=f"process {os.getpid()} on "),
    ):
        load_lake(lake, fake_target)


@pytest.mark.heavy
def test_an_older_version_is_not_sent_while_the_newer_one_is_under_way(
    fake_server: FakeServer, fake_target: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_source, "FIRST_CHUNK_ROWS", 1)
    monkeypatch.setattr(lake_source, "CHUNK_ROWS", 1)
    lake, patient = moving_patient(fake_target)

    async def slow(request: Request) -> None:
        if patient in request.names and request.is_transaction:
            await asyncio.sleep(0.1)

    fake_server.behave(slow)

    assert load_lake(lake, fake_target).by_type["Patient"] == Counts(read=3, superseded=2, created=1)
    assert fake_server.held[patient].version == 1


@pytest.mark.heavy
def test_a_row_without_an_id_is_a_dead_letter_until_it_has_one(fake_server: FakeServer, fake_target: Settings) -> None:
    shape = Shape("nameless", days=2, claims_a_day=2, patients=4)
    lake = tiny_lake(fake_target.lake_path, shape)
    claim_id = str(lake.read(schema.CLAIMS, START)["claim_id"][1])
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id") == claim_id, claim_id=None)

    dry = load_lake(lake, fake_target, options=LoadOptions(is_dry_run=True))
    report = load_lake(lake, fake_target)
    again = load_lake(lake, fake_target)

    assert dry.by_type["Claim"] == Counts(read=4, to_send=3, rejected=1)
    assert report.by_type["Claim"] == Counts(read=4, created=3, rejected=1)
    assert again.by_type["Claim"] == Counts(read=4, unchanged=3, rejected=1)
    letter = list_dead_letters(fake_target, with_contents=False).row(0, named=True)
    assert (letter["resource_id"], letter["source"]) == ("row-2-of-claims-2025-01-01", "claims/2025-01-01")
    assert letter["reason"] == "row 2 has no claim_id"

    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").is_null(), claim_id=claim_id)
    mended = load_lake(lake, fake_target)

    assert mended.exit_code == 0
    assert mended.vanished == {}
    assert mended.by_type["Claim"] == Counts(read=4, unchanged=3, created=1)
    assert list_dead_letters(fake_target).is_empty()
    assert f"Claim/{claim_id}" in fake_server.held
