"""Servers that are not what the ledger knows: really restored from a backup, really wiped, really another one.

Those that need a second server are slow; `test_marker.py` and `test_adopting.py` have the same cases in memory.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline import schema, server
from claims_pipeline.errors import LedgerMismatch
from claims_pipeline.lake import Lake
from claims_pipeline.load import Counts, LoadOptions, OnMismatch, Progress, Vanished, load_lake, reconcile
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, patient_of, rewrite, tiny_lake, write
from claims_pipeline_tests.server_state import MARKER, forget_marker, ids, put, read, version

pytestmark = pytest.mark.server

ADOPT = LoadOptions(on_mismatch=OnMismatch.ADOPT)


@pytest.fixture
def restorable(spare_server: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Settings of an installation that has loaded nothing yet, for a server that may be restored and wiped."""
    forget_marker(spare_server.fhir_base_url)
    yield Settings(home=tmp_path / "restorable", fhir_base_url=spare_server.fhir_base_url, fhir_wait_seconds=5)
    forget_marker(spare_server.fhir_base_url)


def lake_with_a_changed_patient(settings: Settings, shape: Shape) -> Lake:
    """Make a lake in which a patient of the first day has moved on the second."""
    lake = tiny_lake(settings.lake_path, shape)
    moved = pl.col("patient_id") == patient_of(shape, 1, 0)
    rewrite(lake, schema.PATIENTS, shape.dates[-1], moved, address_line="2 New Street")
    return lake


def require_equal(settings: Settings, shape: Shape) -> None:
    """Check that the server holds each claim of the lake once, and the last version of all that the ledger knows."""
    claims = ids(settings.fhir_base_url, "Claim", shape.prefix)
    assert claims == sorted(
        f"{shape.prefix}-claim-{day:%Y%m%d}-{index:06d}" for day in shape.dates for index in range(shape.claims_a_day)
    )
    moved = read(settings.fhir_base_url, f"Patient/{patient_of(shape, 1, 0)}")
    assert moved["address"][0]["line"] == ["2 New Street"]
    assert reconcile(settings, deep=True).is_equal
    assert load_lake(Lake(settings.lake_path), settings).requests_with_resources == 0


@pytest.mark.slow
def test_a_server_restored_from_an_older_backup_receives_only_what_it_lacks(
    restorable: Settings, spare_server: Settings, tmp_path: Path
) -> None:
    shape = Shape("restored", days=2)
    lake = lake_with_a_changed_patient(restorable, shape)
    first_day, second_day = shape.dates
    load_lake(lake, restorable, days=[first_day])
    server.backup(spare_server, tmp_path / "fhir.backup")
    assert load_lake(lake, restorable, days=[second_day]).by_type["Claim"].created == 4

    server.restore(spare_server, tmp_path / "fhir.backup")

    held = held_of(restorable, shape)
    with pytest.raises(LedgerMismatch, match="restored from a backup that is older than the last load"):
        load_lake(lake, restorable)
    with pytest.raises(LedgerMismatch, match="restored from a backup"):
        reconcile(restorable)
    assert held_of(restorable, shape) == held

    report = load_lake(lake, restorable, options=ADOPT)

    assert report.exit_code == 0
    assert report.by_type["Claim"] == Counts(read=8, unchanged=4, created=4)
    assert report.by_type["Patient"].updated == 1
    assert report.by_type["Patient"].created == report.by_type["Coverage"].created == 1
    assert report.total.loaded == 4 + 1 + 1 + 1
    require_equal(restorable, shape)
    assert version(restorable.fhir_base_url, f"Patient/{patient_of(shape, 1, 0)}") == 2


def held_of(settings: Settings, shape: Shape) -> list[str]:
    types = ("Patient", "Coverage", "Claim")
    return [found for resource_type in types for found in ids(settings.fhir_base_url, resource_type, shape.prefix)]


def test_a_backup_made_in_the_middle_of_a_load_counts_as_older_than_it(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("midload", days=1))
    in_the_middle: list[dict[str, object]] = []

    def on_progress(progress: Progress) -> None:
        if progress.stage == "claims" and not in_the_middle:
            in_the_middle.append(read(target.fhir_base_url, MARKER))

    assert load_lake(lake, target, on_progress=on_progress).by_type["Claim"].created == 4
    put(target.fhir_base_url, in_the_middle[0])

    with pytest.raises(LedgerMismatch, match="restored from a backup that is older than the last load"):
        load_lake(lake, target)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "said"), [(Vanished.DELETE, "deleted"), (Vanished.ENTERED_IN_ERROR, "entered in error")]
)
def test_what_was_taken_back_and_is_there_again_on_a_restored_server_is_taken_back_again(
    target: Settings, what: Vanished, said: str
) -> None:
    shape = Shape(f"again-{what.value}", days=1)
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    claim_id = f"{shape.prefix}-claim-20250101-000001"
    of_the_backup = [read(target.fhir_base_url, name) for name in (f"Claim/{claim_id}", MARKER)]
    kept = lake.read(schema.CLAIMS, shape.dates[0]).filter(pl.col("claim_id") != claim_id)
    write(lake, schema.CLAIMS, kept.to_dicts(), shape.dates[0])
    assert load_lake(lake, target, options=LoadOptions(vanished=what)).vanished == {f"Claim {said}": 1}
    assert load_lake(lake, target, options=LoadOptions(vanished=what)).vanished == {}
    for resource in of_the_backup:
        put(target.fhir_base_url, resource)

    assert load_lake(lake, target, options=ADOPT).vanished == {"Claim kept": 1}
    assert load_lake(lake, target, options=LoadOptions(vanished=what)).vanished == {f"Claim {said}": 1}

    held = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert (claim_id in held) is (what is Vanished.ENTERED_IN_ERROR)
    assert claim_id not in held or read(target.fhir_base_url, f"Claim/{claim_id}")["status"] == "entered-in-error"
    assert reconcile(target, deep=True).is_equal
    assert load_lake(lake, target).requests_with_resources == 0


@pytest.mark.slow
def test_a_wiped_server_is_noticed_and_loaded_again(restorable: Settings, spare_server: Settings) -> None:
    shape = Shape("wiped", days=2)
    lake = lake_with_a_changed_patient(restorable, shape)
    first = load_lake(lake, restorable)

    server.wipe(spare_server)
    server.start(spare_server)

    with pytest.raises(LedgerMismatch, match="this server was wiped since the last load"):
        load_lake(lake, restorable)
    assert ids(restorable.fhir_base_url, "Patient", "") == []
    report = load_lake(lake, restorable, options=ADOPT)
    assert report.total == first.total
    require_equal(restorable, shape)


@pytest.mark.slow
@pytest.mark.parametrize("has_another_ledger", [False, True])
def test_a_server_in_the_place_of_another_is_noticed_and_filled(
    target: Settings, restorable: Settings, has_another_ledger: bool
) -> None:
    shape = Shape(f"swapped{int(has_another_ledger)}", days=2)
    lake = lake_with_a_changed_patient(target, shape)
    load_lake(lake, target)
    reason = f"the ledger was written for {target.fhir_base_url}, this is another server"
    if has_another_ledger:
        load_lake(tiny_lake(restorable.lake_path, Shape("of-others", days=1)), restorable)
        reason = "another ledger fills this server"
    swapped = target.model_copy(update={"fhir_base_url": restorable.fhir_base_url})

    with pytest.raises(LedgerMismatch, match=reason):
        load_lake(lake, swapped)
    assert held_of(swapped, shape) == []
    assert load_lake(lake, swapped, options=ADOPT).exit_code == 0
    require_equal(swapped, shape)
    if has_another_ledger:
        with pytest.raises(LedgerMismatch, match="another ledger fills this server"):
            load_lake(Lake(restorable.lake_path), restorable)


@pytest.mark.slow
def test_the_first_server_is_as_it_was_when_the_ledger_has_gone_to_another(
    target: Settings, restorable: Settings
) -> None:
    shape = Shape("there-and-back", days=2)
    lake = lake_with_a_changed_patient(target, shape)
    load_lake(lake, target)
    load_lake(lake, target.model_copy(update={"fhir_base_url": restorable.fhir_base_url}), options=ADOPT)

    with pytest.raises(LedgerMismatch, match="restored from a backup that is older"):
        load_lake(lake, target)
    report = load_lake(lake, target, options=ADOPT)

    assert report.total.loaded == 0
    require_equal(target, shape)
