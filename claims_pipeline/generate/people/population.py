"""The people of a feed as arrays, one element a person.

A person is the same for ever: what holds on a day is a function of (feed, person, day). Only numbers are kept here;
names and addresses are made for the people whom claims name (tables). The first person is always there to be chosen: an
adult with diabetes, hypertension and kidney disease who is a member from before the feed's first day on, for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import (
    DAYS_A_YEAR,
    NEVER,
    ages_on,
    day_number,
)
from claims_pipeline.generate.numbers.draws import Draws, Integers, narrowed
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import Masks, condition_names, masks_on
from claims_pipeline.generate.people.households import CHILD, NOBODY, Households, households_of
from claims_pipeline.generate.people.membership import (
    Membership,
    first_day_known,
    kinds_below_65,
    medicare_starts,
    memberships,
)
from claims_pipeline.generate.people.onsets import Days, draw_onsets
from claims_pipeline.generate.people.people_file import Arrays, kept
from claims_pipeline.lake import Feed

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


def conditions_on(feed: Feed, people: Integers, days: Integers) -> Masks:
    """Return the conditions of people on a day each, with the stages of those that progress."""
    onsets = onsets_of(feed)[:, people]
    return masks_on(Draws(feed.seed), people, onsets, days, since=first_day_known(feed))
