"""Dialysis: a claim a month for as long as somebody has kidney failure, and no other stage of the disease."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, in_coding_order
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.numbers.identifiers import dates
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.dialysis import STORY, dialysis_visits
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

pytestmark = pytest.mark.heavy

FEED = Feed(seed=8, patients=6_000, claims=25_000, start_date=date(2025, 1, 1), end_date=date(2026, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)
LATER = END + 300
"""By this day nearly all claims of the feed's months have been received."""
CODES = read_table("diagnoses")["diagnosis_code"].to_list()


@pytest.fixture(scope="module")
def months() -> pl.DataFrame:
    planned = dialysis_visits(FEED, START, LATER)
    codes = [" ".join(CODES[code] for code in row if code != NONE) for row in planned.codes]
    return pl.DataFrame({"person": planned.person, "service": planned.service, "codes": codes}).with_columns(
        month=pl.col("service").cast(pl.Date).dt.month_start()
    )


def test_a_patient_with_kidney_failure_has_a_claim_each_month_while_covered(months: pl.DataFrame) -> None:
    settled = months.filter(pl.col("month").is_between(date(2025, 1, 1), date(2026, 6, 1)))
    of_patients = settled.sort("service").group_by("person").agg("month", pl.len().alias("count"))
    members = population(FEED).member
    last = members.last[of_patients["person"]]
    whole_time = of_patients.filter(pl.Series(last > END) & pl.Series(members.gap_last[of_patients["person"]] < START))

    assert settled.height / 18 / FEED.patients == pytest.approx(0.0017, abs=0.0008)
    assert not months.select(pl.struct("person", "month").is_duplicated()).to_series().any()
    assert whole_time.height > 3
    months_since_first = pl.col("month").list.eval((pl.element().max() - pl.element().min()).dt.total_days() / 30.4)
    missing = whole_time.select(months_since_first.list.first().round() + 1 - pl.col("count")).to_series()
    assert missing.max() <= 1  # type: ignore[operator]  # a claim may be received a year later


def test_kidney_failure_is_coded_with_dialysis_and_hypertension_as_its_disease(months: pl.DataFrame) -> None:
    assert set(months["codes"].str.extract(r"(N18\.6 Z99\.2)")) == {"N18.6 Z99.2"}
    assert set(months["codes"].str.extract(r"^(I\d+\.\d) ").drop_nulls()) <= {"I12.0", "I13.2"}
    assert months["codes"].str.starts_with("I12.0").any()


def test_a_month_that_is_billed_at_the_end_of_january_and_early_in_february_has_both_claims() -> None:
    feed = Feed(seed=2, patients=2_500, claims=5_000, start_date=date(2025, 1, 1), end_date=date(2025, 6, 30))
    planned = dialysis_visits(feed, day_number(feed.start_date), day_number(feed.end_date))
    wanted = pl.DataFrame({"person": planned.person, "service_date": dates(planned.service)}).sort(pl.all())
    made = visits_of(feed, 2025).filter(pl.col("story") == STORY, pl.col("replaced_date").is_null())
    apart = wanted.select(pl.col("service_date").diff().dt.total_days().over("person")).to_series()

    assert apart.min() == 24, "from January 31 to February 24"
    assert made.select(pl.col("person").cast(pl.Int64), "service_date").sort(pl.all()).equals(wanted)


def test_days_that_are_asked_for_in_parts_have_the_same_months(months: pl.DataFrame) -> None:
    middle = START + 300
    parts = [dialysis_visits(FEED, START, middle), dialysis_visits(FEED, middle + 1, LATER)]
    assert np.concatenate([part.service for part in parts]).tolist() == months["service"].to_list()


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_the_status_of_dialysis_comes_with_kidney_failure_or_both_stay_away(most: int) -> None:
    names = condition_names()
    mask = np.array([1 << names.index("hypertension") | 1 << names.index("chronic_kidney_disease")], dtype=np.uint32)
    codes = np.full((1, MOST_DIAGNOSES), NONE)
    codes[0, :2] = CODES.index("R05.9"), CODES.index("N18.6")
    ordered, count = in_coding_order(Draws(1), np.array([0]), mask, codes, np.array([most]))
    found = [CODES[code] for code in ordered[0, : count[0]]]

    assert found == (["R05.9", "N18.6", "Z99.2"] if most > 2 else ["R05.9"])
