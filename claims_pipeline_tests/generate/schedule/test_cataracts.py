"""Cataract surgery: one eye, then mostly the other within weeks, and what later examinations of the eyes are for."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.schedule.cataracts import BETWEEN, BOTH_EYES, cataract_visits, eye_reasons
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline_tests.generate.schedule.planned import frame_of

FEED = Feed(seed=8, patients=8_000, claims=80_000, start_date=date(2024, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)
CODES = read_table("diagnoses")["diagnosis_code"]


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return frame_of(cataract_visits(FEED, START, END + 400))


def test_the_second_eye_is_the_other_one_within_weeks(visits: pl.DataFrame) -> None:
    surgeries = visits.filter(pl.col("story") == "specialist_procedure").sort("service")
    people = surgeries.filter(pl.col("service") < END).group_by("person").agg("service", "code")
    both = people.filter(pl.col("service").list.len() == 2)
    apart = both.select(pl.col("service").list.last() - pl.col("service").list.first()).to_series()

    assert both.height > 40
    assert (people["service"].list.len() <= 2).all()
    assert both.height / people.height == pytest.approx(BOTH_EYES, abs=0.12)
    assert apart.to_numpy().min() >= BETWEEN[0] - 7
    assert apart.to_numpy().max() <= BETWEEN[1] + 7
    assert (both["code"].list.n_unique() == 2).all()


def test_an_examination_of_both_eyes_comes_before_the_surgery(visits: pl.DataFrame) -> None:
    examined = visits.filter(pl.col("story") == "eye")
    first = visits.filter(pl.col("story") != "eye").group_by("person").agg(pl.col("service").min().alias("surgery"))
    both = examined.join(first, on="person")

    assert set(examined["code"]) == {"H25.13"}
    assert both.height > 40
    assert (both["service"] < both["surgery"]).all()


def test_after_surgery_nobody_is_examined_for_cataracts_of_both_eyes(visits: pl.DataFrame) -> None:
    surgeries = visits.filter((pl.col("story") != "eye") & (pl.col("service") < END)).sort("service")
    last = surgeries.group_by("person", maintain_order=True).agg("service", "code")
    cataracts = np.full(last.height, CODES.to_list().index("H25.13"))

    def reasons(days: pl.Series) -> pl.Series:
        return CODES.gather(eye_reasons(FEED, cataracts, last["person"].to_numpy(), days.to_numpy()))

    before = reasons(last["service"].list.first() - 400)
    after = reasons(last["service"].list.last() + 100)
    done = last["service"].list.len() == 2
    other = last["code"].list.first().replace({"H25.11": "H25.12", "H25.12": "H25.11"})

    assert set(before.filter(done)) == {"H25.13"}
    assert set(after.filter(done)) == {"Z96.1"}
    assert "H25.13" not in set(after)
    assert ((after == other) | (after == "Z96.1")).all()


def test_days_that_are_asked_for_in_parts_have_the_same_visits(visits: pl.DataFrame) -> None:
    middle = START + 300
    parts = [cataract_visits(FEED, START, middle), cataract_visits(FEED, middle + 1, END + 400)]

    assert np.array_equal(np.concatenate([part.counter for part in parts]), visits["counter"])
