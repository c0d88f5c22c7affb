"""Who holds the policy that covers a person: decided for each calendar year on January 1.

The head of a household holds that of an employer's or marketplace plan for spouse and children; the spouse does in a
year in which the head has Medicare, gets it or dies. In Medicaid and Medicare everybody is a subscriber. Children
without a parent who can cover them have Medicaid below 19, and coverage of their own afterwards.
"""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import year_start
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.people.households import CHILD, HEAD, MEDICAID_AGE, NOBODY, SPOUSE
from claims_pipeline.generate.people.membership import MEDICAID
from claims_pipeline.generate.people.population import population
from claims_pipeline.lake import Feed

RELATIONSHIPS = ("self", "spouse", "child")


def subscribers_of(feed: Feed, people: Integers, years: Integers) -> tuple[Integers, Integers]:
    """Return who holds the policy of each person in a year as long as they have no Medicare, and its kind."""
    everyone, homes = population(feed), population(feed).households
    head, spouse, role = (values[people] for values in (homes.head, homes.spouse, homes.role))
    december = year_start(years + 1) - 1

    def can_hold(adults: Integers) -> NDArray[np.bool_]:
        can: NDArray[np.bool_] = (adults != NOBODY) & (homes.role[adults] != CHILD)
        can &= (everyone.medicare[adults] > december) & (everyone.member.death[adults] > december)
        return can

    holder = np.where(can_hold(head), head, np.where(can_hold(spouse), spouse, NOBODY))
    family, has_own = homes.kind[people], (role == CHILD) & (homes.own_from[people] <= years)
    depends = (family != MEDICAID) & (holder != NOBODY) & ~has_own
    depends &= (role != SPOUSE) | ((holder == head) & ~homes.has_own_policy[people])
    is_minor = everyone.birth_day[people] > _birth_days(years, MEDICAID_AGE)
    kind = np.where(has_own | ((role == CHILD) & ~depends & ~is_minor), everyone.kind[people], family)
    kind[(role == CHILD) & ~depends & ~has_own & is_minor] = MEDICAID
    return np.where(depends, holder, people), kind


def policy_numbers(feed: Feed, people: Integers) -> Integers:
    """Return the person whose choice of plan each subscriber has: a spouse keeps the household's."""
    homes = population(feed).households
    is_household = (homes.role[people] == SPOUSE) & ~homes.has_own_policy[people]
    return np.where(is_household, homes.head[people], people)


def relationships(feed: Feed, people: Integers, subscribers: Integers) -> Integers:
    """Return the position in RELATIONSHIPS of each person to the subscriber."""
    role = population(feed).households.role[people]
    return np.where(people == subscribers, HEAD, np.where(role == CHILD, CHILD, SPOUSE))


def _birth_days(years: Integers, age: int) -> Integers:
    """Return the day of birth of those who are `age` on January 1 of each year."""
    return year_start(years - age)
