"""Why patients are seen, and that their histories agree with it."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.days import ages_on, day_number
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.people.choosing import choose_people
from claims_pipeline.generate.people.conditions import are_coded
from claims_pipeline.generate.people.population import conditions_on, population
from claims_pipeline.generate.schedule.calendar import service_weights, stories
from claims_pipeline.generate.schedule.reasons import reasons_of
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FEED = Feed(seed=8, patients=3_000, claims=10_000, start_date=date(2025, 1, 1), end_date=date(2025, 12, 31))
DAY = day_number(date(2025, 6, 3))
CODES = read_table("diagnoses")["diagnosis_code"]


def principal_codes(story: str, people: Integers) -> pl.Series:
    """Return the reason of a visit of each of some people, who may repeat."""
    size = len(people)
    counter = np.arange(size).astype(np.uint64)
    service = np.full(size, DAY)
    slots = Slots(
        counter, counter, np.zeros(size, dtype=np.bool_), np.full(size, stories().index(story)), people, service
    )
    reasons = reasons_of(
        FEED,
        slots,
        ages=ages_on(population(FEED).birth_day[people], service),
        conditions=conditions_on(FEED, people, service),
        source_story=np.full(size, NONE),
        source_episode=np.zeros(size, dtype=np.uint64),
    )
    return CODES.gather(reasons.principal)


@pytest.mark.parametrize("story", ["physical_therapy", "musculoskeletal", "specialist_procedure"])
def test_a_patient_has_one_code_of_osteoarthritis_of_the_knee_whatever_the_story_names(story: str) -> None:
    (grown_up,) = np.nonzero(population(FEED).birth_day < DAY - 55 * 366)
    people = np.repeat(grown_up[:200], 60)
    seen = pl.DataFrame({"person": people, "code": principal_codes(story, people)})
    codes = seen.filter(pl.col("code").str.starts_with("M17")).group_by("person").agg(pl.col("code").unique())

    assert (codes["code"].list.len() == 1).all()
    assert codes["code"].list.first().n_unique() == 3


def test_who_has_a_foot_ulcer_does_not_have_diabetes_without_complications() -> None:
    days = np.full(2_000, DAY)
    draws = Draws(FEED.seed)
    people = choose_people(FEED, "wounds", draws.uniform("test", np.arange(len(days))), days)
    everyone = np.arange(FEED.patients)
    masks = conditions_on(FEED, everyone, np.full(FEED.patients, DAY))

    assert are_coded(draws, everyone, masks, "E11.9").sum() > 50
    assert not are_coded(draws, everyone, masks, "E11.9")[people].any()
    assert len(np.unique(people)) > 20


def test_a_person_has_room_for_one_influenza_vaccine_a_season() -> None:
    days = np.arange(day_number(date(2024, 6, 1)), day_number(date(2025, 6, 1)))
    given = days[service_weights(days)[:, stories().index("influenza_vaccination")] > 0]
    vaccine = read_table("service_intervals").row(by_predicate=pl.col("service") == "influenza_vaccine", named=True)

    assert given[-1] - given[0] > 200
    assert given[-1] - given[0] < vaccine["days"]
