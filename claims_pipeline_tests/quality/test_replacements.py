"""Faults of replacement claims are found."""

from datetime import date
from itertools import product
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, DAILY

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=60, claims=400, start_date=date(2025, 11, 22), end_date=date(2025, 12, 31))


@pytest.fixture(scope="module")  # instead of the package's: long enough for replacements
def clean(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("replacements") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    return lake


def replacement(lake: Lake) -> tuple[date, str, str]:
    """Return day, id and replaced id of the first replacement."""
    rows = lake.scan(CLAIMS).filter(pl.col("replaced_claim_id").is_not_null()).sort("day", "claim_id")
    day, claim_id, replaced = rows.select("day", "claim_id", "replaced_claim_id").collect().row(0)
    return day, claim_id, replaced


def edit(lake: Lake, day: date, **columns: pl.Expr) -> None:
    with lake.writer() as writer:
        writer.add(CLAIMS, lake.read(CLAIMS, day).with_columns(**columns), day)


def details(lake: Lake) -> list[tuple[str, str, str]]:
    return quality.findings(lake).select("check", "id", "detail").rows()


def set_for(claim_id: str, column: str, value: object) -> pl.Expr:
    return pl.when(pl.col("claim_id") == claim_id).then(pl.lit(value)).otherwise(column)


def test_a_replacement_of_a_claim_that_does_not_exist_is_found(lake: Lake) -> None:
    day, claim_id, _ = replacement(lake)
    edit(lake, day, replaced_claim_id=set_for(claim_id, "replaced_claim_id", "claim-0"))
    assert ("replaced_claims_cancelled", claim_id, "claim-0 is not there") in details(lake)


def test_a_replacement_that_names_itself_or_a_claim_of_another_patient_is_found(lake: Lake) -> None:
    day, claim_id, _ = replacement(lake)
    other = lake.read(CLAIMS, FEED.start_date).sort("claim_id")["claim_id"][-1]
    for named, fault in ((claim_id, "not cancelled"), (other, "of another patient")):
        edit(lake, day, replaced_claim_id=set_for(claim_id, "replaced_claim_id", named))
        assert ("replaced_claims_cancelled", claim_id, f"{named} is {fault}") in details(lake)


def test_a_replacement_before_the_claim_that_it_names_is_found(lake: Lake) -> None:
    day, claim_id, _ = replacement(lake)
    later = lake.read(CLAIMS, FEED.end_date).filter(pl.col("version_number") == 1)["claim_id"][0]
    edit(lake, day, replaced_claim_id=set_for(claim_id, "replaced_claim_id", later))
    assert ("replaced_claims_cancelled", claim_id, f"{later} is received later") in details(lake)


def test_a_replaced_claim_that_stays_active_is_found(lake: Lake) -> None:
    _, claim_id, replaced = replacement(lake)
    for one in lake.days(CLAIMS):
        edit(lake, one, claim_status=set_for(replaced, "claim_status", "active"))
    found = details(lake)
    assert ("replaced_claims_cancelled", claim_id, f"{replaced} is not cancelled") in found


def test_claims_whose_cancellation_is_on_days_that_the_lake_lacks_are_no_findings(clean: Lake, lake: Lake) -> None:
    claims = clean.scan(CLAIMS)
    cancelled = claims.filter(pl.col("claim_status") == "cancelled", pl.col("version_number") > 1)
    replacing = claims.select("day", claim_id="replaced_claim_id")
    pairs = cancelled.join(replacing, on="claim_id", suffix="_replaced").filter(pl.col("day") < pl.col("day_replaced"))
    missing = pairs.select("day").collect().to_series().unique()
    assert len(missing) > 3

    for table, day in product(DAILY, missing):
        lake.path(table, day).unlink()

    found = quality.findings(lake)
    assert set(found["check"]) == {"partitions_complete"}
    assert set(found["day"]) == set(missing)


def test_a_lake_without_the_days_before_has_no_finding(lake: Lake, tmp_path: Path) -> None:
    day, _, _ = replacement(lake)
    alone = Lake(tmp_path / "alone")
    generate_range(alone, FEED, start=day, end=day)
    assert alone.read(CLAIMS, day)["replaced_claim_id"].drop_nulls().len()
    assert details(alone) == []


@pytest.mark.parametrize(("code", "named"), [("2", None), ("7", None), ("1", "claim-0"), ("8", None)])
def test_a_frequency_code_that_does_not_fit_the_claim_is_found(lake: Lake, code: str, named: str | None) -> None:
    claims = lake.read(CLAIMS, FEED.start_date)
    claim_id = claims.filter(pl.col("claim_status") == "active")["claim_id"][0]
    edit(
        lake,
        FEED.start_date,
        claim_frequency_code=set_for(claim_id, "claim_frequency_code", code),
        replaced_claim_id=set_for(claim_id, "replaced_claim_id", named),
    )
    assert ("frequency_fits_claim", claim_id, f"frequency code {code}") in details(lake)
