"""Who a claim is about.

Most people are drawn by how often they are seen, of those who are covered on the day of service. For checkups and
courses of treatment that would let chance repeat what happens at an interval, so there the story's claims, numbered
through the whole feed, take people in turn: adults' checkups go round those who go to them (in_turn), a course's visits
round a roster whose size is the rate times the interval. Healthy children are seen when they are due (well_child).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import SCATTER, Bits, Draws, Integers, pair
from claims_pipeline.generate.people.choosing import choose_people, may_be_chosen
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import cumulative_claims
from claims_pipeline.generate.schedule.in_turn import NOBODY, anybody_in_turn, people_in_turn
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


@dataclass(frozen=True)
class Turns:
    """Arrays with one element a claim.

    Attributes:
        course: what the person of a course of treatment is drawn by; for other claims the claim's counter.
        begins: day on which the payer received the first visit of the course; for other claims it means nothing.
        episode: the claim's counter, or one that all visits of a course of treatment share.
        is_first: whether it is the first visit of a course.
    """

    course: Bits
    begins: Integers
    episode: Bits
    is_first: NDArray[np.bool_]


def turns_of(feed: Feed, *, story: Integers, ordinal: Integers, counter: Bits) -> Turns:
    """Return which course of treatment each claim belongs to.

    Args:
        feed: the feed.
        story: row of the stories table.
        ordinal: number of the claim among those of its story, for stories that are not random.
        counter: the claim's counter.
    """
    draws, episode, course = Draws(feed.seed), counter.copy(), counter.copy()
    is_first, begins = np.zeros(len(story), dtype=np.bool_), np.zeros(len(story), dtype=np.int64)
    for number, row in enumerate(read_table("stories").iter_rows(named=True)):
        (mine,) = np.nonzero(story == number)
        if row["draw"] == "course":
            course[mine], is_first[mine], begins[mine] = _courses(feed, number, row, ordinal[mine])
            episode[mine] = draws.bits(f"episode/{row['story']}", course[mine])
    return Turns(course, begins, episode, is_first)


def people_of(
    feed: Feed, turns: Turns, *, story: Integers, ordinal: Integers, counter: Bits, service: Integers
) -> Integers:
    """Return whom each claim is about, but for stories of children who are due: someone covered on the day of service.

    Where the person whose turn it is is not, somebody else is seen, or in_turn.NOBODY: a course does not go on with
    somebody else.
    """
    draws = Draws(feed.seed)
    person = np.zeros(len(story), dtype=np.int64)
    for number, row in enumerate(read_table("stories").iter_rows(named=True)):
        (mine,) = np.nonzero(story == number)
        profile = row["people"]
        if row["draw"] == "turn":
            people = people_in_turn(feed, row["story"])
            place = ordinal[mine].astype(np.uint64) * SCATTER % np.uint64(max(1, len(people)))
            person[mine] = people[place.astype(np.int64)]
            mine = mine[~population(feed).covers(person[mine], service[mine])]
            uniform = draws.uniform("claim/person", counter[mine])
            person[mine] = anybody_in_turn(feed, row["story"], uniform, service[mine])
            continue
        if row["draw"] in ("due", "planned", "after"):
            continue
        if row["draw"] == "course":
            chance = draws.uniform(f"course/{row['story']}", turns.course[mine])
            person[mine] = choose_people(feed, profile, chance, turns.begins[mine])
            person[mine[~may_be_chosen(feed, profile, person[mine], service[mine])]] = NOBODY
            continue
        person[mine] = choose_people(feed, profile, draws.uniform("claim/person", counter[mine]), service[mine])
    return person


def _courses(
    feed: Feed, number: int, story: dict[str, Any], ordinal: Integers
) -> tuple[Bits, NDArray[np.bool_], Integers]:
    """Return the course of each visit (a place in the roster, a number of courses before), the first, and its day."""
    start, end = (day_number(day) for day in (feed.start_date, feed.end_date))
    days = end - start + 1
    before = cumulative_claims(feed, end)[: days + 1, number]
    roster = max(1, round(before[-1] / days * story["interval_days"]))
    place, turn = ordinal % roster, ordinal // roster
    shift = Draws(feed.seed).below(f"roster/{story['story']}", place, story["course_visits"])
    course = (turn + shift) // story["course_visits"]
    first = place + (course * story["course_visits"] - shift) * roster
    begins = start + np.searchsorted(before, first.clip(0), side="right") - 1
    return pair(place, course), turn + shift == course * story["course_visits"], begins
