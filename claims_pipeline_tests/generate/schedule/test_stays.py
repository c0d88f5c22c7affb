"""Stays in hospital: one physician from admission to discharge."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.stays import FIRST, LAST, LONGEST_STAY, NEXT, SHARE_OF_CLAIMS, hospital_visits
from claims_pipeline.generate.years.drafts import Draft
from claims_pipeline.generate.years.fitting import fitting_claims
from claims_pipeline.generate.years.history import History
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline_tests.generate.schedule.planned import frame_of

pytestmark = pytest.mark.heavy

FEED = Feed(seed=8, patients=3_000, claims=25_000, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
START, END = day_number(FEED.start_date), day_number(FEED.end_date)


@pytest.fixture(scope="module")
def visits() -> pl.DataFrame:
    return frame_of(hospital_visits(FEED, START, END))


def test_a_stay_begins_with_a_first_visit_and_ends_with_the_discharge(visits: pl.DataFrame) -> None:
    stays = visits.sort("service").group_by("episode").agg("person", "service", "story")
    dead = population(FEED).member.last[stays["person"].list.first()] <= stays["service"].list.last().to_numpy()
    for days, kinds in stays.filter(~pl.Series(dead)).select("service", "story").iter_rows():
        assert days == list(range(days[0], days[0] + len(days)))
        assert kinds == [FIRST, *[NEXT] * (len(days) - 2), LAST]
        assert 2 <= len(days) <= LONGEST_STAY + 1
    assert stays.height > 30


def test_the_visits_of_a_stay_are_billed_together(visits: pl.DataFrame) -> None:
    assert (visits.group_by("episode").agg(pl.col("received", "person").n_unique())["received"] == 1).all()


def test_nobody_is_in_two_stays_at_once(visits: pl.DataFrame) -> None:
    assert not visits.select(pl.struct("person", "service").is_duplicated()).to_series().any()


def test_a_stay_within_an_earlier_one_is_left_out_also_behind_another_such_stay() -> None:
    feed = FEED.model_copy(update={"seed": 7, "patients": 30, "claims": 100_000})
    planned = hospital_visits(feed, START, END)

    assert len(planned.person) > 1_000
    assert not pl.DataFrame([planned.person, planned.service]).is_duplicated().any()


def test_stays_have_their_share_of_the_claims(visits: pl.DataFrame) -> None:
    assert visits.height / FEED.claims == pytest.approx(SHARE_OF_CLAIMS, rel=0.15)


@pytest.mark.parametrize(("story", "fits"), [("pregnancy_ultrasound", False), ("delivery", True)])
def test_planned_visits_of_who_is_in_hospital_wait_but_births_do_not(
    visits: pl.DataFrame, story: str, fits: bool
) -> None:
    days = visits.filter(pl.col("story") == NEXT).unique("person", maintain_order=True)
    nothing, size = np.zeros(days.height, dtype=np.int64), days.height
    slots = Slots(
        counter=days["counter"].to_numpy(),
        episode=days["episode"].to_numpy(),
        is_first=np.zeros(size, dtype=np.bool_),
        story=np.full(size, stories().index(story)),
        person=days["person"].to_numpy(),
        service=days["service"].to_numpy(),
    )
    codes = np.full((size, MOST_DIAGNOSES), NONE)
    codes[:, 0] = read_table("diagnoses")["diagnosis_code"].to_list().index("Z34.83")
    draft = Draft(np.arange(size), slots, nothing + NONE, nothing.astype(np.uint64), codes)

    assert size > 20
    assert len(fitting_claims(FEED, History(), draft, np.arange(size), is_last=False).row) == (size if fits else 0)


def test_days_that_are_asked_for_in_parts_have_the_same_stays(visits: pl.DataFrame) -> None:
    middle = START + 150
    parts = [hospital_visits(FEED, START, middle), hospital_visits(FEED, middle + 1, END)]
    assert np.array_equal(np.concatenate([part.counter for part in parts]), visits["counter"])


def test_a_stay_has_one_physician_and_one_reason() -> None:
    feed = FEED.model_copy(update={"claims": 2_000, "patients": 400, "end_date": date(2025, 2, 28)})
    drawn = visits_of(feed, 2025).filter(pl.col("story").is_in([FIRST, NEXT, LAST]))
    stays = drawn.group_by("person", "received_date").agg(pl.col("practitioner", "diagnosis_codes"), days=pl.len())
    whole = stays.filter(pl.col("days") > 1)

    assert whole.height > 2
    assert (whole["practitioner"].list.n_unique() == 1).all()
    assert all(len({tuple(codes) for codes in of_stay}) == 1 for of_stay in whole["diagnosis_codes"])
