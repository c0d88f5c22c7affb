"""Asthma and COPD: severities, visits on which they are worse, and the season of asthma."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.days import ages_on, day_number
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.population import conditions_on, population
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.reasons import reasons_of
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=6_000, claims=25_000, start_date=date(2024, 1, 1), end_date=date(2024, 12, 31))
WORSE = {"J45.20": "J45.21", "J45.30": "J45.31", "J45.40": "J45.41", "J45.50": "J45.51", "J45.909": "J45.901"}


@pytest.fixture(scope="module")
def everything() -> pl.DataFrame:
    """Return all visits, with the first diagnosis as `code`."""
    return visits_of(FEED, 2024).with_columns(code=pl.col("diagnosis_codes").list.first())


@pytest.fixture(scope="module")
def visits(everything: pl.DataFrame) -> pl.DataFrame:
    """Return the visits for asthma, by the first diagnosis."""
    return everything.filter(pl.col("code").str.starts_with("J45"))


def test_asthma_is_coded_in_every_severity_as_usual_and_as_worse(visits: pl.DataFrame) -> None:
    assert {*WORSE, *WORSE.values()} == set(visits["code"])
    of_story = visits.filter(pl.col("story") == "asthma")
    assert of_story["code"].is_in(list(WORSE.values())).mean() == pytest.approx(0.6, abs=0.08)


def test_a_patients_asthma_keeps_its_severity_when_it_is_worse(visits: pl.DataFrame) -> None:
    usual = {worse: code for code, worse in WORSE.items()}
    severities = visits.group_by("person").agg(pl.col("code").replace(usual).n_unique())
    assert severities["code"].max() == 1


@pytest.mark.parametrize(
    ("code", "condition", "story"),
    [("J45", "asthma", "hospital_first"), ("J44", "copd", "hospital_first"), ("J44", "copd", "emergency")],
)
def test_only_patients_with_a_chronic_lung_disease_are_in_hospital_for_it(
    code: str, condition: str, story: str
) -> None:
    people, day = np.arange(FEED.patients), np.full(FEED.patients, day_number(FEED.start_date))
    ages, conditions = ages_on(population(FEED).birth_day, day), conditions_on(FEED, people, day)
    counter, number = people.astype(np.uint64), stories().index(story)
    slots = Slots(counter, counter, people < 0, np.full(len(people), number), people, day)
    nothing = np.full(len(people), NONE)
    reasons = reasons_of(FEED, slots, ages=ages, conditions=conditions, source_story=nothing, source_episode=counter)
    is_code = read_table("diagnoses")["diagnosis_code"].str.starts_with(code).to_numpy()[reasons.principal]
    has_it = ((conditions >> condition_names().index(condition)) & 1 == 1) & (ages >= 0)

    assert (is_code & (ages >= 0)).sum() >= 3
    assert has_it[is_code & (ages >= 0)].all()


def test_asthma_is_rare_in_summer_and_frequent_in_fall_and_winter(visits: pl.DataFrame) -> None:
    by_month = dict(visits.group_by(pl.col("service_date").dt.month()).len().iter_rows())
    winter, summer, fall = (
        sum(by_month.get(month, 0) for month in months) for months in ((12, 1, 2), (6, 7, 8), (9, 10, 11))
    )
    assert winter > 1.3 * summer
    assert fall > 1.4 * summer


def test_worse_asthma_stands_beside_no_other_code_of_asthma(visits: pl.DataFrame) -> None:
    codes = pl.col("diagnosis_codes").list.eval(pl.element().str.starts_with("J45")).list.sum()
    assert visits.select(codes.max()).item() == 1
