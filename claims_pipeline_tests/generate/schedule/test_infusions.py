"""Courses of costly infusions: they keep their distance, end, and the rest of the patient's history knows of them."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.infusions import infusion_visits, lasting_of_infusions
from claims_pipeline.generate.schedule.lasting import add_lasting, visits_with_room
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline_tests.generate.schedule.planned import frame_of

FEED = Feed(seed=8, patients=40_000, claims=400_000, start_date=date(2023, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)
CODES = read_table("diagnoses")["diagnosis_code"].to_list()


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return frame_of(infusion_visits(FEED, START, END + 400))


def of_story(visits: pl.DataFrame, story: str, code: str) -> pl.DataFrame:
    return visits.filter((pl.col("story") == story) & pl.col("code").str.starts_with(code)).sort("service")


@pytest.mark.parametrize(("code", "days"), [("C34", 21), ("C50", 21), ("C18", 14), ("M06", 56)])
def test_doses_keep_the_interval_of_the_drug_but_for_days_on_which_offices_are_closed(
    visits: pl.DataFrame, code: str, days: int
) -> None:
    doses = of_story(visits, "infusion", code)
    apart = doses.select(pl.col("service").diff().over("episode")).to_series().drop_nulls()

    assert doses.height > 50
    assert (apart.to_numpy() % days <= 4).mean() + (apart.to_numpy() % days >= days - 4).mean() > 0.99
    assert apart.median() == days


def test_a_course_against_cancer_ends_and_is_followed_by_visits_for_its_history(visits: pl.DataFrame) -> None:
    cancers = visits.filter(~pl.col("code").str.starts_with("M06"))
    patients = cancers.group_by("episode").agg(
        pl.col("service").filter(pl.col("story") == "infusion_first").max().alias("first"),
        pl.col("service").filter(pl.col("story") == "infusion").min().alias("dose"),
        pl.col("service").filter(pl.col("story") == "infusion").max().alias("last"),
        pl.col("service").filter(pl.col("code") == "Z08").min().alias("after"),
        (pl.col("story") == "infusion").sum().alias("doses"),
    )

    assert patients["doses"].max() == 17
    assert (patients["first"] < patients["dose"]).sum() > 10
    assert (patients["after"] < patients["last"]).sum() == 0
    assert (patients["after"] > patients["last"] + 60).sum() > 10


def test_cancers_of_the_breast_are_those_of_women(visits: pl.DataFrame) -> None:
    breast = visits.filter(pl.col("code").str.starts_with("C50"))

    assert breast.height > 50
    assert population(FEED).is_female[breast["person"].to_numpy()].all()


def test_other_visits_code_the_cancer_during_the_course_and_its_history_after_it(visits: pl.DataFrame) -> None:
    first = of_story(visits, "infusion_first", "C34").filter(pl.col("service") > START + 30)
    people = np.sort(first["person"].unique().to_numpy())
    begin = first.sort("person").unique("person", keep="first", maintain_order=True)["service"].to_numpy()

    def coded(days: int) -> set[str]:
        repeated, size = np.repeat(people, 30), len(people) * 30
        codes = np.full((size, MOST_DIAGNOSES), NONE)
        codes[:, 0] = CODES.index("I10")
        diagnoses = Diagnoses(codes, np.ones(size, dtype=np.int64))
        counter = np.arange(size).astype(np.uint64)
        story = np.full(size, stories().index("chronic_care"))
        service = np.repeat(begin, 30) + days
        slots = Slots(counter, counter, np.zeros(size, dtype=np.bool_), story, repeated, service)
        rows = visits_with_room(Draws(FEED.seed), slots, diagnoses)
        add_lasting(slots, diagnoses, rows, lasting_of_infusions(FEED))
        return {CODES[code] for code in diagnoses.codes[:, 1] if code != NONE}

    assert len(people) > 3
    both = {"C34.11", "Z85.118"}
    assert coded(-30) & both == set()
    assert coded(100) & both == {"C34.11"}
    assert coded(600) & both == {"Z85.118"}


def test_days_that_are_asked_for_in_parts_have_the_same_visits(visits: pl.DataFrame) -> None:
    middle = START + 300
    parts = [infusion_visits(FEED, START, middle), infusion_visits(FEED, middle + 1, END + 400)]

    assert np.array_equal(np.concatenate([part.counter for part in parts]), visits["counter"])
