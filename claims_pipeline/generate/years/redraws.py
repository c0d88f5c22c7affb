"""Who has the visit instead of somebody whose history it does not fit."""

from dataclasses import replace

import numpy as np

from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.people.choosing import choose_people
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.in_turn import NOBODY, anybody_in_turn, people_in_turn
from claims_pipeline.generate.schedule.slots import Slots, with_anybody
from claims_pipeline.generate.schedule.well_child import children_due
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

IN_TURN = 2
"""How often, at most, somebody else of those who take turns is tried, or another day in a course, which does not go on
with somebody else."""
OF_THE_STORY = 8
"""How often, at most, somebody else is tried for the same kind of visit; then it becomes an acute visit of anybody."""


def redrawn(feed: Feed, slots: Slots, attempt: int) -> Slots:
    """Return claims with somebody else as the patient; visits of a course move a day back at first."""
    draws, person, service = Draws(feed.seed), slots.person.copy(), slots.service.copy()
    uniform = draws.uniform(f"claim/person {attempt}", slots.counter)
    for number, row in enumerate(read_table("stories").iter_rows(named=True)):
        (mine,) = np.nonzero(slots.story == number)
        if attempt >= (IN_TURN if row["draw"] == "course" else OF_THE_STORY):
            person[mine] = NOBODY
        elif row["draw"] == "due":
            person[mine] = children_due(feed, uniform[mine], service[mine])
        elif row["draw"] == "turn":
            person[mine] = _in_turn(feed, row["story"], uniform[mine], service[mine], attempt)
        else:
            if row["draw"] == "course":
                service[mine] -= 1
                person[mine[~population(feed).covers(person[mine], service[mine])]] = NOBODY
                continue
            person[mine] = choose_people(feed, row["people"], uniform[mine], service[mine])
    uniform = draws.uniform(f"claim/anybody {attempt}", slots.counter)
    story, person = with_anybody(feed, slots.story, person, service, uniform)
    return replace(slots, story=story, person=person, service=service)


def _in_turn(feed: Feed, story: str, uniform: Floats, days: Integers, attempt: int) -> Integers:
    people = people_in_turn(feed, story)
    if not len(people) or attempt >= IN_TURN:
        return anybody_in_turn(feed, story, uniform, days)
    person = people[(uniform * len(people)).astype(np.int64)]
    (absent,) = np.nonzero(~population(feed).covers(person, days))
    person[absent] = anybody_in_turn(feed, story, uniform[absent], days[absent])
    return person
