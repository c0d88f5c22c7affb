"""What claims are about as they are drawn: story, patient, day of service."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.draws import Bits, Floats, Integers, narrowed
from claims_pipeline.generate.people.choosing import choose_people
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.in_turn import NOBODY
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

INSTEAD = "acute"
"""Story of a claim for which nobody of the age and sex that its own needs is covered."""


@dataclass(frozen=True)
class Slots:
    """The visits behind claims as they are drawn, as arrays of equal length.

    Attributes:
        counter: the claim's counter for random draws.
        episode: the same, but shared by all visits of a course of treatment.
        is_first: whether it is the first visit of a course.
        story: row of the stories table.
        person: number of the patient, from 0.
        service: day of the service.
    """

    counter: Bits
    episode: Bits
    is_first: NDArray[np.bool_]
    story: Integers
    person: Integers
    service: Integers

    def at(self, rows: NDArray[np.bool_] | Integers | slice) -> "Slots":
        """Return some of the visits."""
        return Slots(*(values[rows] for values in vars(self).values()))

    def narrowed(self) -> "Slots":
        """Return the visits in fewer bytes: NumPy must be given wider integers before it adds or multiplies them."""
        story, person, service = narrowed(self.story, np.int8), narrowed(self.person), narrowed(self.service)
        return replace(self, story=story, person=person, service=service)

    def widened(self) -> "Slots":
        """Return what `narrowed` was given."""
        story, person, service = (values.astype(np.int64) for values in (self.story, self.person, self.service))
        return replace(self, story=story, person=person, service=service)

    @staticmethod
    def joined(parts: list["Slots"]) -> "Slots":
        """Return the visits of all parts in one; the list is emptied, so that few of them are in memory twice."""
        columns = [list(column) for column in zip(*(vars(part).values() for part in parts), strict=True)]
        parts.clear()
        return Slots(*(np.concatenate(columns.pop(0)) for _ in range(len(columns))))


def with_anybody(
    feed: Feed, story: Integers, person: Integers, service: Integers, uniform: Floats
) -> tuple[Integers, Integers]:
    """Return story and person of claims; where the person is NOBODY, an acute visit of anybody."""
    (missing,) = np.nonzero(person == NOBODY)
    if not len(missing):
        return story, person
    story, person = story.copy(), person.copy()
    acute = read_table("stories").row(by_predicate=pl.col("story") == INSTEAD, named=True)
    story[missing] = stories().index(INSTEAD)
    person[missing] = choose_people(feed, acute["people"], uniform[missing], service[missing])
    return story, person
