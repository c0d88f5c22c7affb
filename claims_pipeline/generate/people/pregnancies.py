"""Pregnancies of members: whose, when the child is born, how, and which illness of the mother matters.

Each is a function of (feed, mother, order of the birth). Children are those of households; a pregnancy that the end of
the feed cuts off is one of those that households expect.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import NEVER, ages_on
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.households import CHILD, HEAD, MOST_CHILDREN, NOBODY
from claims_pipeline.generate.people.membership import first_day_known
from claims_pipeline.generate.people.population import onsets_of, population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FIRST_CESAREAN, LATER_CESAREAN, REPEAT_CESAREAN = 0.30, 0.085, 0.86
"""Chance of a cesarean at the first birth, at a later one, and after a cesarean: together 32 percent (CDC NCHS, Births:
Final Data for 2022: 32.1; of births after a cesarean 14 percent are vaginal); the split by order is by judgement."""
ADVANCED_AGE = 35
GESTATIONAL_DIABETES, ABNORMAL_GLUCOSE = 0.08, 0.16
"""Shares of pregnancies: CDC NCHS 2021 has 8.3 percent with gestational diabetes; about twice as many have an abnormal
screening, by judgement."""

EARLY = 70
"""Day of the pregnancy, from the last period, on which those who have the global package are covered: by judgement."""


@dataclass(frozen=True)
class Pregnancies:
    """Arrays of equal length.

    Attributes:
        counter: for random draws: the mother, and the order of the birth.
        mother: number of the person.
        child: number of the child, or NOBODY where it is no member.
        is_later: whether the mother has older children.
        birth: day of the birth.
        last_period: first day of the last period, from which weeks are counted.
        is_cesarean, had_cesarean: whether the child, and an older one, is born by cesarean.
        is_aged: whether the mother is 35 or older at the birth.
        is_hypertensive, is_diabetic: whether she has the disease from before the pregnancy on.
        has_diabetes: whether she has gestational diabetes.
        has_abnormal_glucose: whether the screening for it is abnormal.
        is_covered_early: whether the mother is covered on the day of `EARLY`.
    """

    counter: Bits
    mother: Integers
    child: Integers
    is_later: NDArray[np.bool_]
    birth: Integers
    last_period: Integers
    is_cesarean: NDArray[np.bool_]
    had_cesarean: NDArray[np.bool_]
    is_aged: NDArray[np.bool_]
    is_hypertensive: NDArray[np.bool_]
    is_diabetic: NDArray[np.bool_]
    has_diabetes: NDArray[np.bool_]
    has_abnormal_glucose: NDArray[np.bool_]
    is_covered_early: NDArray[np.bool_]

    @property
    def weeks(self) -> Integers:
        """The completed weeks of pregnancy at the birth."""
        return self.weeks_on(self.birth)

    def weeks_on(self, days: Integers) -> Integers:
        """Return the completed weeks of pregnancy on a day each."""
        return (days - self.last_period) // 7

    def at(self, rows: NDArray[np.bool_] | Integers) -> "Pregnancies":
        """Return some of the pregnancies."""
        return Pregnancies(*(values[rows] for values in vars(self).values()))


@once(maxsize=2)
def pregnancies(feed: Feed) -> Pregnancies:
    """Return the pregnancies of members from the first day that is known on."""
    everyone, homes = population(feed), population(feed).households
    (children,) = np.nonzero((homes.role == CHILD) & (everyone.birth_day >= first_day_known(feed)))
    (heads,) = np.nonzero((homes.role == HEAD) & (homes.expects != NEVER))
    child = np.concatenate([children, np.full(len(heads), NOBODY)])
    head = np.concatenate([homes.head[children], heads])
    birth = np.concatenate([everyone.birth_day[children], homes.expects[heads]])
    size = np.bincount(homes.head, minlength=len(homes.head))
    spouse = homes.spouse[head]
    has_spouse = spouse != NOBODY
    order = np.concatenate([homes.place[children], size[heads]]) - 1 - has_spouse
    mother = np.where(homes.is_female[head], head, spouse)
    is_known = (homes.role[head] == HEAD) & (mother != NOBODY)
    mother, child, order, birth = (values[is_known] for values in (mother, child, order, birth))
    draws, counter = Draws(feed.seed), pair(mother, order)
    last_period = birth - _lengths(draws, counter)
    is_cesarean, had_cesarean = _cesareans(draws, mother, order)
    chance = draws.uniform("pregnancy/glucose", counter)
    hypertension, diabetes = (onsets_of(feed)[condition_names().index(name)][mother] for name in _DISEASES)
    return Pregnancies(
        counter=counter,
        mother=mother,
        child=child,
        is_later=order > 0,
        birth=birth,
        last_period=last_period,
        is_cesarean=is_cesarean,
        had_cesarean=had_cesarean,
        is_aged=ages_on(everyone.birth_day[mother], birth) >= ADVANCED_AGE,
        is_hypertensive=hypertension <= last_period,
        is_diabetic=diabetes <= last_period,
        has_diabetes=(chance < GESTATIONAL_DIABETES) & (diabetes > birth),
        has_abnormal_glucose=(chance < ABNORMAL_GLUCOSE) & (diabetes > birth),
        is_covered_early=everyone.covers(mother, last_period + EARLY),
    )


def are_pregnant(feed: Feed, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether each person is pregnant on a day; on that of the birth no more."""
    of_mother, begins, births = _in_order(feed)
    if not len(of_mother):
        return np.zeros(len(people), dtype=np.bool_)
    place = np.searchsorted(begins, people * NEVER + days, side="right") - 1
    is_pregnant: NDArray[np.bool_] = (place >= 0) & (of_mother[place] == people) & (days < births[place])
    return is_pregnant


@once(maxsize=2)
def _in_order(feed: Feed) -> tuple[Integers, Integers, Integers]:
    """Return mother, a number of mother and first day, and birth of each pregnancy, in the order of that number."""
    those = pregnancies(feed)
    begins = those.mother * NEVER + those.last_period
    order = np.argsort(begins)
    return those.mother[order], begins[order], those.birth[order]


_DISEASES = ("hypertension", "diabetes")


def _lengths(draws: Draws, counter: Bits) -> Integers:
    """Return how many days each pregnancy lasts, by the shares of weeks in gestation.csv."""
    table = read_table("gestation")
    choice = KeyedChoice([str(week) for week in table["week"]], table["share"].to_numpy())
    weeks = table["week"].to_numpy()[choice.choose(draws.bits("pregnancy/week", counter))]
    days: Integers = weeks * 7 + draws.below("pregnancy/day of the week", counter, 7)
    return days


def _cesareans(draws: Draws, mother: Integers, order: Integers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether the child of each order, and whether an older one, is born by cesarean."""
    had, is_cesarean = np.zeros(len(mother), dtype=np.bool_), np.zeros(len(mother), dtype=np.bool_)
    for number in range(MOST_CHILDREN):
        chance = np.where(had, REPEAT_CESAREAN, LATER_CESAREAN if number else FIRST_CESAREAN)
        by_cesarean = draws.uniform("pregnancy/cesarean", pair(mother, number)) < chance
        is_cesarean[order == number] = by_cesarean[order == number]
        had |= by_cesarean & (order > number)
    return is_cesarean, had
