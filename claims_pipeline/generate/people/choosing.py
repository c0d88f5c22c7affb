"""Who is chosen for a visit: people who are covered on a day, drawn by how much care they use.

How often somebody is seen depends on the profile of the visit (people_profiles.csv), on their conditions and age on
January 1, and on a propensity of their own.
"""

from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import WeightedChoice
from claims_pipeline.generate.numbers.days import (
    ALWAYS,
    ages_on,
    year_of,
    year_start,
    years_in,
)
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import Masks, are_coded, condition_names
from claims_pipeline.generate.people.membership import (
    OLDEST,
)
from claims_pipeline.generate.people.population import FIRST_PERSON, conditions_on, onsets_of, population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

USE_SPREAD = 1.42
"""Standard deviation of the logarithm of the propensity to use care: its long tail."""
DISABLED_USE = 1.5
"""How much more often those who have Medicare by disability are seen than others of their age and conditions, beside
plan_use.csv: set so that they have about twice as many claims as other members."""
USE_LIMIT = 2.8
"""Number of standard deviations at which propensities are cut."""
ADHERENT = 0.6
"""Share of adults who go to routine checkups: turns.csv has the reason."""
TODDLER = 4
ATTEMPTS = 12
"""Number of people who are drawn for a day, at most, until one is covered on it; after that it is the first person."""


@once(maxsize=1)
def are_adherent(feed: Feed) -> NDArray[np.bool_]:
    """Return who goes to checkups."""
    is_adherent: NDArray[np.bool_] = Draws(feed.seed).uniform("person/adherent", np.arange(feed.patients)) < ADHERENT
    is_adherent[FIRST_PERSON] = True
    return is_adherent


@once(maxsize=1)
def _propensities(feed: Feed) -> Floats:
    """Return how much care everybody uses, with a long tail."""
    spread = Draws(feed.seed).normal("person/propensity", np.arange(feed.patients)).clip(-USE_LIMIT, USE_LIMIT)
    by_disability: Floats = np.where(population(feed).medicare == ALWAYS, DISABLED_USE, 1.0)
    return np.exp(USE_SPREAD * spread) * by_disability


def choose_people(feed: Feed, profile: str, uniform: Floats, days: Integers) -> Integers:
    """Return people who are covered on a day, drawn by how often those of a profile are seen in its year.

    Args:
        feed: the feed.
        profile: a row of the people_profiles table.
        uniform: a random number of [0, 1) for each person wanted; further ones are made of it.
        days: the day of each.
    """
    everyone, draws, years = population(feed), Draws(feed.seed), year_of(days)
    person = np.full(len(days), FIRST_PERSON)
    bits = uniform.view(np.uint64)
    wanted = np.arange(len(days))
    for attempt in range(ATTEMPTS):
        if not len(wanted):
            break
        chance = draws.uniform(f"person/attempt {attempt}", bits[wanted]) if attempt else uniform
        found = np.full(len(wanted), FIRST_PERSON)
        for year in years_in(years[wanted]):
            mine = years[wanted] == year
            found[mine] = _choice(feed, profile, year).choose(chance[mine])
        fits = everyone.covers(found, days[wanted])
        if code := _profile(profile)["not_coded"]:
            fits &= ~are_coded(draws, found, conditions_on(feed, found, days[wanted]), code)
        person[wanted[fits]] = found[fits]
        wanted = wanted[~fits]
    return person


@cache
def _profile(name: str) -> dict[str, Any]:
    """Return a row of the people_profiles table."""
    return read_table("people_profiles").row(by_predicate=pl.col("people") == name, named=True)


def may_be_chosen(feed: Feed, profile: str, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether people of a profile are seen and covered on a day."""
    years, may = year_of(days), population(feed).covers(people, days)
    for year in years_in(years):
        mine = years == year
        sums = cumulative_weights(feed, profile, year)
        may[mine] &= sums[people[mine]] > np.where(people[mine] > 0, sums[people[mine] - 1], 0)
    return may


@once(maxsize=2)
def _conditions_at_new_year(feed: Feed, year: int) -> Masks:
    """Return the conditions of everybody on January 1, without stages."""
    masks = np.zeros(feed.patients, dtype=np.uint32)
    for number, onset in enumerate(onsets_of(feed)):
        masks |= (onset <= year_start(np.array([year]))).astype(np.uint32) << np.uint32(number)
    return masks


@once(maxsize=32, is_large=True)
def cumulative_weights(feed: Feed, profile: str, year: int) -> Floats:
    """Return the running sum over the people of how often those of a profile are seen in a year.

    Conditions and ages are those of January 1; who is not a member on any day of the year is not seen.
    """
    everyone = population(feed)
    row = _profile(profile)
    january, december = year_start(np.array([year, year + 1])) - [0, 1]
    count = np.bitwise_count(np.arange(2 ** len(condition_names())))
    masks = _conditions_at_new_year(feed, year)
    by_mask = row["base"] + row["each"] * count + _named_weights(row["conditions"])
    weight = by_mask[masks]
    weight *= _propensities(feed)
    ages = ages_on(everyone.birth_day, np.array([january])).clip(0, OLDEST)
    weight *= ages >= row["from_age"]
    weight *= np.where(ages < TODDLER, row["below_4"], 1.0)
    weight *= np.exp(row["age_slope"] * (np.arange(OLDEST + 1) - 50) / 10)[ages]
    weight *= np.where(everyone.is_female, row["female_factor"], 1.0)
    weight *= (everyone.member.first <= december) & (everyone.member.last >= january)
    return np.cumsum(weight, out=weight)


@once(maxsize=32, is_large=True)
def _choice(feed: Feed, profile: str, year: int) -> WeightedChoice:
    """Return the choice of somebody by how often those of a profile are seen in a year."""
    return WeightedChoice(cumulative_weights(feed, profile, year))


def _named_weights(conditions: str | None) -> Floats:
    """Return the weight of the conditions named as `name=weight;...`, for each possible mask."""
    names = condition_names()
    masks = np.arange(2 ** len(names))
    total = np.zeros(len(masks))
    for part in (conditions or "").split(";"):
        if part:
            name, weight = part.split("=")
            total += float(weight) * ((masks >> names.index(name)) & 1)
    return total
