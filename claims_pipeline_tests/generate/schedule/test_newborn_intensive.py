"""Newborns of 32 to 34 weeks: intensive care from the birth until they go home, and nothing else in that time."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.people.pregnancies import pregnancies
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.maternity import maternity_visits
from claims_pipeline.generate.schedule.newborn_intensive import are_in_intensive_care, newborn_intensive_visits
from claims_pipeline.lake import Feed
from claims_pipeline_tests.generate.schedule.planned import frame_of

FEED = Feed(seed=8, patients=40_000, claims=400_000, start_date=date(2024, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    planned = newborn_intensive_visits(FEED, START, END + 400)
    return frame_of(planned).with_columns(age=planned.service - population(FEED).birth_day[planned.person])


def test_a_newborn_before_35_weeks_has_a_claim_of_each_day_from_birth_to_going_home(visits: pl.DataFrame) -> None:
    children = visits.sort("age").group_by("person").agg("age", "story", pl.col("received").n_unique())
    born = pregnancies(FEED)
    is_covered = population(FEED).covers(born.child, born.birth)
    early = born.child[is_covered & (born.weeks < 35) & (born.birth >= START) & (born.birth <= END) & (born.child >= 0)]

    assert len(early) > 10
    assert set(early) <= set(children["person"])
    for ages, kinds, receipts in children.select("age", "story", "received").iter_rows():
        assert ages == list(range(len(ages)))
        assert kinds[0] == "intensive_first"
        assert kinds[-1] == "intensive_home" or len(kinds) < 5
        assert 6 <= len(ages) - 1 <= 34
        assert receipts == 1


def test_the_claims_have_the_birth_then_the_weight_then_the_week(visits: pl.DataFrame) -> None:
    assert set(visits["codes"].list.get(0)) == {"Z38.00", "Z38.01"}
    assert set(visits["codes"].list.get(1)) == {"P07.17", "P07.18"}
    assert set(visits["codes"].list.get(2)) == {"P07.35", "P07.36", "P07.37"}


def test_the_child_has_no_visits_of_a_normal_newborn_and_no_other_place_to_be(visits: pl.DataFrame) -> None:
    normal = maternity_visits(FEED, START, END + 400)
    person, day = visits["person"].to_numpy(), visits["service"].to_numpy()
    of_newborns = np.isin(normal.story, [stories().index(name) for name in stories() if name.startswith("newborn")])

    assert not np.isin(normal.person[of_newborns], person).any()
    assert are_in_intensive_care(FEED, person, day).all()
    assert not are_in_intensive_care(FEED, person, day + 40).any()
