"""Stories in which people take turns (turns.csv): checkups, mammograms, vaccinations, diabetics' tests."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.choosing import are_adherent
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.population import ages_at_first, conditions_on, population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

NOBODY = -1
ATTEMPTS = 24
"""Number of people who are drawn, at most, until one is covered on the day; after that the claim has no person."""


@once(maxsize=16)
def people_in_turn(feed: Feed, story: str) -> Integers:
    """Return the numbers of those who take turns in a story and are members on some day of the feed's range."""
    draws = Draws(feed.seed)
    goes = np.zeros(feed.patients, dtype=np.bool_)
    for row in _rows(story):
        share = draws.uniform(f"person/in turn/{story}", np.arange(feed.patients)) < row["share"]
        share = are_adherent(feed) if story == "preventive" else share
        goes |= share & _fits(feed, row)
    return np.flatnonzero(goes & (_covered_share(feed) > 0))


def turns_a_year(feed: Feed, story: str) -> float:
    """Return how many visits a year those who take turns in a story need while they are covered."""
    goes, share = np.zeros(feed.patients, dtype=np.bool_), _covered_share(feed)
    goes[people_in_turn(feed, story)] = True
    return float(sum(row["a_year"] * share[goes & _fits(feed, row)].sum() for row in _rows(story)))


@once(maxsize=2)
def _covered_share(feed: Feed) -> Floats:
    """Return the share of the days of the feed's range on which each person is covered."""
    member = population(feed).member
    start, end = (day_number(day) for day in (feed.start_date, feed.end_date))

    def days(first: Integers, last: Integers) -> Integers:
        found: Integers = np.maximum(np.minimum(last, end) - np.maximum(first, start) + 1, 0)
        return found

    gap = np.where(member.gap_first <= member.gap_last, days(member.gap_first, member.gap_last), 0)
    share: Floats = np.maximum(days(member.first, member.last) - gap, 0) / (end - start + 1)
    return share


def anybody_in_turn(feed: Feed, story: str, uniform: Floats, days: Integers) -> Integers:
    """Return for each day somebody covered of the age and sex of those who take turns, or NOBODY."""
    people, draws = _of_age_and_sex(feed, story), Draws(feed.seed)
    person, wanted, bits = np.full(len(days), NOBODY), np.arange(len(days)), uniform.view(np.uint64)
    for attempt in range(ATTEMPTS if len(people) else 0):
        if not len(wanted):
            break
        found = people[draws.below(f"person/in turn {attempt}", bits[wanted], len(people))]
        is_covered = population(feed).covers(found, days[wanted])
        person[wanted[is_covered]] = found[is_covered]
        wanted = wanted[~is_covered]
    return person


@once(maxsize=16)
def _of_age_and_sex(feed: Feed, story: str) -> Integers:
    fits = np.array([_fits(feed, row) for row in _rows(story)]).any(axis=0)
    return np.flatnonzero(fits)


def _fits(feed: Feed, row: dict[str, Any]) -> NDArray[np.bool_]:
    ages = ages_at_first(feed)
    fits: NDArray[np.bool_] = (ages >= row["from_age"]) & (ages <= row["to_age"])
    if row["sex"]:
        fits &= population(feed).is_female == (row["sex"] == "female")
    if row["condition"]:
        start = np.full(feed.patients, day_number(feed.start_date))
        masks = conditions_on(feed, np.arange(feed.patients), start)
        fits &= (masks >> np.uint32(condition_names().index(row["condition"])) & 1) == 1
    return fits


def _rows(story: str) -> list[dict[str, Any]]:
    turns = read_table("turns")
    return turns.filter(pl.col("story") == story).to_dicts()
