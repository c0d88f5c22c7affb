"""Who a claim is about.

Most people are drawn by how often they are seen. For checkups and courses of treatment that would let chance repeat
what happens at an interval, so there the story's claims, numbered through the whole feed, take people in turn:
checkups go round the adherent people, a course's visits round a roster whose size is the rate times the interval.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.calendar import cumulative_claims
from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.draws import SCATTER, Bits, Draws, Integers, pair
from claims_pipeline.generate.population import choose_people, population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


@dataclass(frozen=True)
class Turns:
    """Arrays with one element a claim.

    Attributes:
        person: number of the patient, from 0.
        episode: the claim's counter, or one that all visits of a course of treatment share.
        is_first: whether it is the first visit of a course.
    """

    person: Integers
    episode: Bits
    is_first: NDArray[np.bool_]


def turns_of(feed: Feed, *, story: Integers, ordinal: Integers, counter: Bits) -> Turns:
    """Return whom each claim is about.

    Args:
        feed: the feed.
        story: row of the stories table.
        ordinal: number of the claim among those of its story, for stories that are not random.
        counter: the claim's counter.
    """
    draws = Draws(feed.seed)
    person, episode = np.zeros(len(story), dtype=np.int64), counter.copy()
    is_first = np.zeros(len(story), dtype=np.bool_)
    for number, row in enumerate(read_table("stories").iter_rows(named=True)):
        (mine,) = np.nonzero(story == number)
        if row["draw"] == "random":
            person[mine] = choose_people(feed, row["people"], draws.uniform("claim/person", counter[mine]))
        elif row["draw"] == "turn":
            people = population(feed).adherent_people
            place = ordinal[mine].astype(np.uint64) * SCATTER % np.uint64(len(people))
            person[mine] = people[place.astype(np.int64)]
        else:
            course, is_first[mine] = _courses(feed, number, row, ordinal[mine])
            person[mine] = choose_people(feed, row["people"], draws.uniform(f"course/{row['story']}", course))
            episode[mine] = draws.bits(f"episode/{row['story']}", course)
    return Turns(person, episode, is_first)


def _courses(feed: Feed, number: int, story: dict[str, Any], ordinal: Integers) -> tuple[Bits, NDArray[np.bool_]]:
    """Return which course each visit belongs to (a place in the roster, a number of courses before), and the first."""
    days = (feed.end_date - feed.start_date).days + 1
    a_day = cumulative_claims(feed, day_number(feed.end_date))[days, number] / days
    roster = max(1, round(a_day * story["interval_days"]))
    place, turn = ordinal % roster, ordinal // roster
    visits = turn + Draws(feed.seed).below(f"roster/{story['story']}", place, story["course_visits"])
    return pair(place, visits // story["course_visits"]), visits % story["course_visits"] == 0
