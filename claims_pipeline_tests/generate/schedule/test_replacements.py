"""Claims that are corrected, replaced or voided."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.generate import generate_range
from claims_pipeline.generate.numbers.draws import Draws, pair
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT
from claims_pipeline.generate.schedule.lifecycle import LONGEST_CYCLE, REPLACED_SHARE, are_replaced
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference.holidays import federal_holidays
from claims_pipeline.schema import CLAIMS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=3_000, claims=15_000, start_date=date(2024, 11, 1), end_date=date(2025, 2, 28))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("replacements") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    return lake


@pytest.fixture(scope="module")
def versions(lake: Lake) -> pl.DataFrame:
    return lake.scan(CLAIMS).sort("claim_id", "version_number").collect()


@pytest.fixture(scope="module")
def pairs(versions: pl.DataFrame) -> pl.DataFrame:
    """Return each replacement with the last version of the claim that it replaces."""
    last = versions.unique("claim_id", keep="last", maintain_order=True)
    replacements = versions.filter(pl.col("replaced_claim_id").is_not_null())
    return replacements.join(last, left_on="replaced_claim_id", right_on="claim_id", how="left", suffix="_of")


def content(row: Mapping[str, Any], suffix: str = "") -> tuple[Any, ...]:
    return tuple(row[f"{name}{suffix}"] for name in ("diagnosis_codes", "lines", "total_charge_amount"))


def test_the_feed_has_exactly_its_claims_replacements_included(versions: pl.DataFrame) -> None:
    assert versions["claim_id"].n_unique() == FEED.claims


def test_a_replacement_stands_for_one_claim_of_the_same_visit_that_is_cancelled_by_then(pairs: pl.DataFrame) -> None:
    assert pairs["replaced_claim_id"].is_unique().all()
    assert set(pairs["claim_status_of"]) == {"cancelled"}
    assert (pairs["day"] >= pairs["day_of"]).all()
    for name in ("patient_id", "practitioner_id", "claim_start_date", "coverage_id"):
        assert (pairs[name] == pairs[f"{name}_of"]).all()


def test_each_replacement_differs_from_the_claim_that_it_replaces(pairs: pl.DataFrame) -> None:
    assert all(content(row) != content(row, "_of") for row in pairs.iter_rows(named=True))


def test_replacements_are_final_and_come_when_offices_are_open(versions: pl.DataFrame, pairs: pl.DataFrame) -> None:
    assert set(pairs["claim_status"]) == {"active"}
    assert versions.filter(pl.col("claim_id").is_in(pairs["claim_id"].implode())).height == pairs.height
    holidays = {
        holiday.day for year in (2024, 2025) for holiday in federal_holidays(year) if holiday.closed_weight < 0.5
    }
    assert all(day.weekday() < 5 and day not in holidays for day in pairs["day"])


def test_cancelled_claims_are_replaced_or_void(versions: pl.DataFrame, pairs: pl.DataFrame) -> None:
    cancelled = versions.filter(pl.col("claim_status") == "cancelled")
    void = cancelled.filter(pl.col("claim_frequency_code") == "8")
    assert void.height / cancelled.height == pytest.approx(1 - REPLACED_SHARE, abs=0.04)
    assert void.join(pairs, left_on="claim_id", right_on="replaced_claim_id").is_empty()
    waiting = cancelled.filter(pl.col("claim_frequency_code") == "1").join(
        pairs, left_on="claim_id", right_on="replaced_claim_id", how="anti"
    )
    assert (waiting["day"] >= date(2025, 2, 28)).all()  # those are replaced after the last day


def test_a_cancelled_claim_for_whose_replacement_a_day_has_no_place_is_void(tmp_path: Path) -> None:
    """In a feed of one claim a day most days have no claim that a replacement can take the place of."""
    feed = Feed(seed=1, patients=100, claims=184, start_date=date(2025, 7, 1), end_date=date(2025, 12, 31))
    lake = Lake(tmp_path / "lake")
    generate_range(lake, feed, start=feed.start_date, end=feed.end_date)
    claims = lake.scan(CLAIMS).collect()
    replaced = claims["replaced_claim_id"].drop_nulls().implode()
    cancelled = claims.filter(pl.col("claim_status") == "cancelled", pl.col("day") < date(2025, 12, 24))
    is_void = cancelled["claim_frequency_code"] == "8"

    assert (is_void != cancelled["claim_id"].is_in(replaced)).all()
    counters = pair(
        cancelled["received_date"].to_physical().to_numpy(),
        cancelled["claim_id"].str.tail(6).cast(pl.Int64).to_numpy() - 1,
    )
    assert np.any(are_replaced(Draws(feed.seed), counters) & is_void.to_numpy())


def test_what_a_correction_changes_is_a_line_a_code_a_diagnosis_a_modifier_or_an_amount(versions: pl.DataFrame) -> None:
    both = versions.join(versions, on="claim_id", suffix="_of").filter(
        pl.col("version_number") == 2, pl.col("version_number_of") == 1, pl.col("claim_status") == "active"
    )
    corrected = both.filter(pl.col("claim_status_of") == "active")
    assert corrected.height > 0.02 * FEED.claims
    kinds = dict.fromkeys(("line", "code", "diagnosis", "modifier", "amount"), 0)
    for row in corrected.iter_rows(named=True):
        now, before = row["lines"], row["lines_of"]
        kinds["line"] += len(now) > len(before)
        kinds["diagnosis"] += len(row["diagnosis_codes"]) > len(row["diagnosis_codes_of"])
        same = list(zip(now, before, strict=False)) if len(now) == len(before) else []
        kinds["code"] += any(one["hcpcs_code"] != other["hcpcs_code"] for one, other in same)
        kinds["modifier"] += any(one["modifiers"] != other["modifiers"] for one, other in same)
        kinds["amount"] += row["total_charge_amount"] != row["total_charge_amount_of"]
        assert content(row) != content(row, "_of")
    assert min(kinds.values()) > 0


def test_a_day_alone_has_the_replacements_that_it_has_in_the_range(lake: Lake, tmp_path_factory: Any) -> None:
    day = date(2025, 1, 2)  # they replace claims of the year before
    alone = Lake(tmp_path_factory.mktemp("alone") / "lake")
    generate_range(alone, FEED, start=day, end=day)
    assert alone.read(CLAIMS, day)["replaced_claim_id"].drop_nulls().len()
    assert alone.digest(CLAIMS, day) == lake.digest(CLAIMS, day)


def test_replacements_of_a_year_need_only_the_last_claims_of_the_year_before() -> None:
    feed = Feed(seed=5, patients=600, claims=2_000, start_date=date(2024, 10, 1), end_date=date(2025, 3, 31))
    first_needed = date(2025, 1, 1) - timedelta(days=LONGEST_CYCLE + LONGEST_WAIT)
    before = visits_of(feed, 2024)
    last = before.filter(pl.col("received_date") >= first_needed)

    def replacements(earlier: pl.DataFrame) -> pl.DataFrame:
        return visits_of(feed, 2025, [earlier]).filter(pl.col("replaced_date").dt.year() == 2024)

    assert 0 < last.height < before.height
    assert replacements(last).height
    assert_frame_equal(replacements(last), replacements(before))
