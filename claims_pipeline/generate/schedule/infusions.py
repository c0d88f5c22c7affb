"""Infusions of costly drugs (infusions.csv): a first visit, the course, follow-up visits, and lasting codes."""

from functools import cache
from typing import Any

import numpy as np

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, diagnosis_number
from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, NEVER
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, next_open, stories
from claims_pipeline.generate.schedule.lasting import Lasting
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

BEFORE = 14
"""Days from the first visit to the first dose."""
OVER = 28
"""Days from the last dose until the course is over."""
FIRST, DOSE, FOLLOW_UP = "infusion_first", "infusion", "infusion_follow_up"
AFTER_CANCER = "Z08"


def infusion_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the visits of courses whose claims the payer receives from day `first` to `last`, in order of receipt."""
    courses = zip(_rows(), _patients(feed), strict=True)
    visits = PlannedVisits.joined([_of_disease(feed, row, *patients, first, last) for row, patients in courses])
    return visits.at(np.argsort(visits.received, kind="stable"))


@once(maxsize=2)
def lasting_of_infusions(feed: Feed) -> list[Lasting]:
    """Return the codes of each disease and of its history, with the patients and the days from and until which."""
    found = []
    for row, (people, starts) in zip(_rows(), _patients(feed), strict=True):
        begin, over = starts - BEFORE, starts + _length(row) + OVER
        is_lifelong = row["history_code"] is None
        code = np.full(len(people), diagnosis_number(row["diagnosis_code"]))
        found.append(Lasting(people, begin, np.full(len(people), NEVER) if is_lifelong else over, code))
        if not is_lifelong:
            after = np.full(len(people), diagnosis_number(row["history_code"]))
            found.append(Lasting(people, over, np.full(len(people), NEVER), after))
    return found


def _of_disease(
    feed: Feed, row: dict[str, Any], people: Integers, starts: Integers, first: int, last: int
) -> PlannedVisits:
    draws, name = Draws(feed.seed), row["disease"]
    doses, follow_ups = np.arange(row["doses"]), np.arange(1, row["visits"] + 1)
    follow_from = _length(row) if row["history_code"] else 7
    after = np.concatenate([[-BEFORE], doses * row["interval_days"], follow_from + follow_ups * row["visit_days"]])
    story = np.repeat([stories().index(one) for one in (FIRST, DOSE, FOLLOW_UP)], [1, len(doses), len(follow_ups)])
    number, patient = np.tile(np.arange(len(after)), len(people)), np.repeat(np.arange(len(people)), len(after))
    service = starts[patient] + after[number]
    (near,) = np.nonzero((service >= first - LONGEST_LAG - 2 * LONGEST_WAIT) & (service <= last))
    number, patient, service = number[near], patient[near], next_open(service[near])
    counter = draws.bits(f"infusion/{name}", pair(number, people[patient]))
    received = planned_receipt(service, draws.bits("infusion/lag", counter))
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[population(feed).covers(people[patient[here]], service[here])]
    number, person = number[here], people[patient[here]]
    codes = np.full((len(here), MOST_DIAGNOSES), NONE)
    codes[:, 0] = diagnosis_number(row["diagnosis_code"])
    if row["history_code"]:
        over = story[number] == stories().index(FOLLOW_UP)
        codes[over, 0], codes[over, 1] = diagnosis_number(AFTER_CANCER), diagnosis_number(row["history_code"])
    return PlannedVisits(
        received=received[here],
        counter=counter[here],
        episode=draws.bits(f"infusion/{name}/course", person),
        story=story[number],
        person=person,
        service=service[here],
        codes=codes,
    )


@once(maxsize=2)
def _patients(feed: Feed) -> list[tuple[Integers, Integers]]:
    """Return for each disease who gets it, in order, and the day of the first dose of each."""
    return [_patients_with(feed, row) for row in _rows()]


def _patients_with(feed: Feed, row: dict[str, Any]) -> tuple[Integers, Integers]:
    everyone = population(feed)
    chance = Draws(feed.seed).uniform(f"infusion/{row['disease']}/age", np.arange(feed.patients))
    gets = chance < row["share"]
    if row["sex"]:
        gets &= everyone.is_female == (row["sex"] == "female")
    (people,) = np.nonzero(gets)
    age = row["from_age"] + (row["to_age"] - row["from_age"]) * chance[people] / row["share"]
    return people, everyone.birth_day[people] + (age * DAYS_A_YEAR).astype(np.int64)


def _length(row: dict[str, Any]) -> int:
    """Return the days from the first to the last dose."""
    return int((row["doses"] - 1) * row["interval_days"])


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("infusions").to_dicts())
