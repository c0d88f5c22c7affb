"""The people of a feed as arrays, one element a person.

A person is the same for ever: what holds on a day is a function of (seed, person, day). Only numbers are kept here;
names and addresses are made for the people whom claims name (tables).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.conditions import Masks, condition_names, draw_conditions
from claims_pipeline.generate.days import ages_on, day_number, years_before
from claims_pipeline.generate.draws import Draws, Floats, Integers, KeyedChoice
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

USE_SPREAD = 1.05
"""Standard deviation of the logarithm of the propensity to use care: its long tail."""
USE_LIMIT = 2.8
"""Propensities are cut at so many standard deviations."""
ADHERENT = 0.72
"""Share of adults who go to routine checkups: about three quarters had one within the year (CDC BRFSS 2022)."""


@dataclass(frozen=True)
class Population:
    """Arrays of equal length; the element p is the person with number p + 1.

    Attributes:
        is_female: bool.
        birth_day: days since 1970-01-01.
        age: in years on the feed's first day.
        conditions: chronic conditions on the feed's first day, a bit for each.
        propensity: how much care the person uses, with a long tail.
        is_adherent: whether the person goes to checkups.
    """

    feed: Feed
    is_female: NDArray[np.bool_]
    birth_day: Integers
    age: Integers
    conditions: Masks
    propensity: Floats
    is_adherent: NDArray[np.bool_]
    _remembered: dict[str, NDArray[np.int16]] = field(default_factory=dict, repr=False)

    def remembered(self, what: str, people: Integers, choose: Callable[[Integers], Integers]) -> Integers:
        """Return the row of a reference table that `choose` gives for each person, asking once for each person."""
        known = self._remembered.setdefault(what, np.full(len(self.age), -1, dtype=np.int16))
        missing = np.unique(people[known[people] < 0])
        if len(missing):
            known[missing] = choose(missing)
        return known[people].astype(np.int64)

    @cached_property
    def adherent_people(self) -> Integers:
        """Return the numbers of the people who go to checkups, or of all people if none do."""
        adherent = np.flatnonzero(self.is_adherent)
        return adherent if len(adherent) else np.arange(len(self.is_adherent))

    @cached_property
    def cumulative_weights(self) -> dict[str, Floats]:
        """Return the running sum over the people of how often they are seen, by people profile."""
        count = np.bitwise_count(np.arange(2 ** len(condition_names())))
        sums = {}
        for row in read_table("people_profiles").iter_rows(named=True):
            by_mask = row["base"] + row["each"] * count + _named_weights(row["conditions"])
            weight = by_mask[self.conditions]
            weight *= self.propensity
            weight *= np.exp(row["age_slope"] * (np.arange(130) - 50) / 10)[self.age]
            weight *= np.where(self.is_female, row["female_factor"], 1.0)
            sums[row["people"]] = np.cumsum(weight, out=weight)
        return sums


@lru_cache(maxsize=1)
def population(feed: Feed) -> Population:
    """Return the people of a feed."""
    draws, people = Draws(feed.seed), np.arange(feed.patients)
    pyramid = read_table("age_pyramid")
    counts = np.concatenate([pyramid["female"].to_numpy(), pyramid["male"].to_numpy()])
    bands = [f"{sex}/{age}" for sex in ("female", "male") for age in pyramid["from_age"]]
    band = KeyedChoice(bands, counts).choose(draws.bits("person/age band", people))
    is_female = band < pyramid.height
    band %= pyramid.height
    from_age, to_age = (pyramid[name].to_numpy() for name in ("from_age", "to_age"))
    youngest, oldest = years_before(feed.start_date, from_age), years_before(feed.start_date, to_age + 1)
    birth_day = youngest[band] - draws.below("person/age", people, (youngest - oldest)[band])
    age = ages_on(birth_day, np.full(1, day_number(feed.start_date)))
    spread = np.clip(draws.normal("person/propensity", people), -USE_LIMIT, USE_LIMIT)
    return Population(
        feed=feed,
        is_female=is_female,
        birth_day=birth_day,
        age=age,
        conditions=draw_conditions(draws, people, ages=age, is_female=is_female),
        propensity=np.exp(USE_SPREAD * spread),
        is_adherent=draws.uniform("person/adherent", people) < ADHERENT,
    )


def choose_people(feed: Feed, profile: str, uniform: Floats) -> Integers:
    """Return people drawn by how often those of a profile are seen, one for each number of [0, 1)."""
    sums = population(feed).cumulative_weights[profile]
    person: Integers = np.searchsorted(sums, uniform * sums[-1], side="right")
    return np.minimum(person, len(sums) - 1)


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
