"""Newborns of less than 35 weeks: days in intensive care from the birth on, by the same neonatologist."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.pregnancy_codes import codes_of_newborns
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.households import NOBODY
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.people.pregnancies import Pregnancies, pregnancies
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed

MOST_WEEKS = 34
"""Newborns of more weeks are with their mothers (pregnancy_visits.csv)."""
NIGHTS = {32: (18, 34), 33: (12, 24), 34: (6, 16)}
"""The fewest and the most nights in intensive care, by completed weeks of pregnancy: by judgement."""
LONGEST = max(most for _, most in NIGHTS.values())
FIRST, NEXT, HOME = "intensive_first", "intensive_next", "intensive_home"


def newborn_intensive_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the days in intensive care whose claims the payer receives from day `first` to `last`, in order.

    The days of a child are billed together, after the child has gone home.
    """
    those, nights = _newborns(feed)
    is_near = (those.birth >= first - LONGEST_LAG - LONGEST_WAIT - LONGEST) & (those.birth <= last)
    those, nights, draws = those.at(is_near), nights[is_near], Draws(feed.seed)
    received = planned_receipt(those.birth + nights, draws.bits("intensive/lag", those.counter), days=nights)
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[np.argsort(received[here], kind="stable")]
    those, nights, received = those.at(here), nights[here], received[here]
    child = np.repeat(np.arange(len(here)), nights + 1)
    day = np.arange(len(child)) - np.repeat(np.cumsum(nights + 1) - nights - 1, nights + 1)
    service = those.birth[child] + day
    covered = population(feed).covers(those.child[child], service)
    child, day, service = child[covered], day[covered], service[covered]
    begins, goes_on, goes_home = (stories().index(story) for story in (FIRST, NEXT, HOME))
    episode = draws.bits("intensive/stay", those.counter)
    return PlannedVisits(
        received=received[child],
        counter=draws.bits("intensive/day", episode[child] + day.astype(np.uint64)),
        episode=episode[child],
        story=np.select([day == 0, day == nights[child]], [begins, goes_home], goes_on),
        person=those.child[child],
        service=service,
        codes=codes_of_newborns(those)[child],
    )


def are_in_intensive_care(feed: Feed, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether each person is a newborn who is in intensive care on a day."""
    those, nights = _in_order(feed)
    found = np.zeros(len(people), dtype=np.bool_)
    if len(those):
        place = np.searchsorted(those, people).clip(0, len(those) - 1)
        birth = population(feed).birth_day[people]
        found = (those[place] == people) & (days >= birth) & (days <= birth + nights[place])
    return found


@once(maxsize=2)
def _newborns(feed: Feed) -> tuple[Pregnancies, Integers]:
    """Return the births of members before 35 weeks, and the nights of the children in intensive care."""
    those = pregnancies(feed)
    those = those.at((those.weeks <= MOST_WEEKS) & (those.child != NOBODY))
    fewest, most = _nights()
    week = those.weeks.clip(min(NIGHTS), MOST_WEEKS) - min(NIGHTS)
    spread = Draws(feed.seed).below("intensive/nights", those.counter, most[week] - fewest[week] + 1)
    return those, fewest[week] + spread


@once(maxsize=2)
def _in_order(feed: Feed) -> tuple[Integers, Integers]:
    """Return the children of `_newborns` in order, and their nights."""
    those, nights = _newborns(feed)
    order = np.argsort(those.child)
    return those.child[order], nights[order]


@cache
def _nights() -> tuple[Integers, Integers]:
    fewest, most = np.array([NIGHTS[week] for week in sorted(NIGHTS)]).T
    return fewest, most
