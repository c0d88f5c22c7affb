"""The people of a feed as arrays, one element a person.

A person is the same for ever: what holds on a day is a function of (feed, person, day). Only numbers are kept here;
names and addresses are made for the people whom claims name (tables). The first person is always there to be chosen: an
adult with diabetes, hypertension and kidney disease who is a member from before the feed's first day on, for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import (
    ALWAYS,
    DAYS_A_YEAR,
    NEVER,
    ages_on,
    day_number,
    year_of,
    year_start,
    years_in,
)
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers, WeightedChoice, narrowed
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import Days, Masks, are_coded, condition_names, draw_onsets, masks_on
from claims_pipeline.generate.people.households import CHILD, NOBODY, Households, households_of
from claims_pipeline.generate.people.membership import (
    OLDEST,
    Membership,
    first_day_known,
    kinds_below_65,
    medicare_starts,
    memberships,
)
from claims_pipeline.generate.people.people_file import Arrays, kept
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
FIRST_PERSON = 0
UNKNOWN = -1
KEPT = (
    *("birth_day", "medicare", "first", "last", "gap_first", "gap_last", "death", "own_from", "expects", "kind"),
    *("home_kind", "place", "role", "is_female", "has_spouse", "has_own_policy"),
)
"""Names of the arrays that a lake keeps of a population (people_file)."""
FIRST_PERSON_HAS = ("hypertension", "diabetes", "chronic_kidney_disease")


@dataclass(frozen=True)
class Population:
    """Arrays of equal length; the element p is the person with number p + 1.

    Attributes:
        is_female: bool.
        birth_day: days since 1970-01-01.
        kind: kind of coverage of their own without Medicare, a position in membership.KINDS.
        households: who belongs together.
        medicare: first day of Medicare.
        member: from when to when they are members, and when they die.
    """

    feed: Feed
    is_female: NDArray[np.bool_]
    birth_day: Integers
    kind: Integers
    households: Households
    medicare: Integers
    member: Membership
    _remembered: dict[str, NDArray[np.int16]] = field(default_factory=dict, repr=False)

    def remembered(self, what: str, people: Integers, choose: Callable[[Integers], Integers]) -> Integers:
        """Return the row of a reference table that is chosen for each person, asking once for each person.

        Args:
            what: what is chosen; it depends on the person only.
            people: their numbers, which may repeat.
            choose: returns the rows for the people at some positions in `people`.
        """
        known = self._remembered.get(what)
        if known is None:
            known = self._remembered.setdefault(what, np.full(len(self.birth_day), UNKNOWN, dtype=np.int16))
        return chosen_once(known, people, choose)

    def covers(self, people: Integers, days: Integers) -> NDArray[np.bool_]:
        """Return whether each person is covered on a day."""
        first, last, gap_first, gap_last = (
            getattr(self.member, name)[people] for name in ("first", "last", "gap_first", "gap_last")
        )
        is_covered: NDArray[np.bool_] = (first <= days) & (days <= last)
        is_covered &= (days < gap_first) | (days > gap_last)
        return is_covered


def chosen_once(
    known: NDArray[np.signedinteger[Any]], people: Integers, choose: Callable[[Integers], Integers]
) -> Integers:
    """Return the row of a reference table that is chosen for each person, and keep it in `known`.

    Args:
        known: the row of each person of the feed, UNKNOWN before the first time.
        people: their numbers, which may repeat.
        choose: returns the rows for the people at some positions in `people`.
    """
    (unknown,) = np.nonzero(known[people] == UNKNOWN)
    if len(unknown):
        first = unknown[np.unique(people[unknown], return_index=True)[1]]
        known[people[first]] = choose(first)
    return known[people].astype(np.int64)


@once(maxsize=1)
def population(feed: Feed) -> Population:
    """Return the people of a feed: as a file of its lake has them (people_file), else drawn."""
    arrays = kept(feed, KEPT)
    return _drawn(feed) if arrays is None else _from_arrays(feed, arrays)


def _drawn(feed: Feed) -> Population:
    draws, people = Draws(feed.seed), np.arange(feed.patients)
    homes, stays = households_of(feed)
    is_female, birth_day, is_child = homes.is_female, homes.birth_day, homes.role == CHILD
    kind = np.where(is_child, kinds_below_65(draws, "person", people, _ages_at_first(feed, birth_day)), homes.kind)
    medicare = medicare_starts(draws, people, birth_days=birth_day, kinds=kind, is_child=is_child)
    gets_own = (homes.own_from <= feed.end_date.year) | (birth_day > day_number(feed.start_date))
    member = memberships(
        feed,
        people,
        stays=stays,
        birth_days=birth_day,
        is_female=is_female,
        medicare=medicare,
        has_no_gap=is_child & gets_own,
    )
    member.last[FIRST_PERSON] = member.death[FIRST_PERSON] = NEVER
    return Population(feed, is_female, birth_day, kind, homes, medicare, member)


def _ages_at_first(feed: Feed, birth_days: Integers) -> Integers:
    return ages_on(birth_days, np.full(1, day_number(feed.start_date)))


def arrays_of(feed: Feed) -> Arrays:
    """Return all that `population` knows as arrays with the names KEPT, in as few bytes as there are values."""
    everyone, homes = population(feed), population(feed).households
    days = {
        "birth_day": everyone.birth_day,
        "medicare": everyone.medicare,
        **vars(everyone.member),
        "expects": homes.expects,
    }
    small = {"kind": everyone.kind, "home_kind": homes.kind, "place": homes.place, "role": homes.role}
    flags = {"is_female": everyone.is_female, "has_own_policy": homes.has_own_policy}
    return {
        **{name: narrowed(values) for name, values in days.items()},
        **{name: narrowed(values, np.int8) for name, values in small.items()},
        **flags,
        "own_from": narrowed(homes.own_from, np.int16),
        "has_spouse": homes.spouse != NOBODY,
    }


def _from_arrays(feed: Feed, arrays: Arrays) -> Population:
    """Return the people whom `arrays_of` made arrays of."""
    wide: dict[str, Any] = {
        name: values if values.dtype == np.bool_ else values.astype(np.int64) for name, values in arrays.items()
    }
    head = np.arange(feed.patients) - wide["place"]
    homes = Households(
        head=head,
        spouse=np.where(wide["has_spouse"], head + 1, NOBODY),
        place=wide["place"],
        role=wide["role"],
        is_female=wide["is_female"],
        birth_day=wide["birth_day"],
        kind=wide["home_kind"],
        has_own_policy=wide["has_own_policy"],
        own_from=wide["own_from"],
        expects=wide["expects"],
    )
    member = Membership(**{field.name: wide[field.name] for field in fields(Membership)})
    return Population(feed, wide["is_female"], wide["birth_day"], wide["kind"], homes, wide["medicare"], member)


@once(maxsize=1)
def ages_at_first(feed: Feed) -> Integers:
    """Return everybody's age in years on the feed's first day; below 0 for those born later."""
    return _ages_at_first(feed, population(feed).birth_day)


@once(maxsize=1)
def onsets_of(feed: Feed) -> Days:
    """Return the day on which each chronic condition (rows) begins for everybody, NEVER where it does not."""
    return onsets_among(feed, np.arange(feed.patients))


def onsets_among(feed: Feed, people: Integers) -> Days:
    """Return the day on which each chronic condition (rows) begins for some people, NEVER where it does not."""
    everyone = population(feed)
    birth_days, is_female = everyone.birth_day[people], everyone.is_female[people]
    years = (day_number(feed.start_date) - birth_days) / DAYS_A_YEAR
    onsets = draw_onsets(Draws(feed.seed), people, birth_days=birth_days, ages=years, is_female=is_female)
    is_first = people == FIRST_PERSON
    for name in FIRST_PERSON_HAS:
        onset = onsets[condition_names().index(name)]
        onset[is_first] = np.minimum(onset[is_first], first_day_known(feed))
    return onsets


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


def conditions_on(feed: Feed, people: Integers, days: Integers) -> Masks:
    """Return the conditions of people on a day each, with the stages of those that progress."""
    onsets = onsets_of(feed)[:, people]
    return masks_on(Draws(feed.seed), people, onsets, days, since=first_day_known(feed))


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
