"""Codes that visits have beside their reasons for as long as something lasts: a cancer, what a stroke left behind."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.reference import read_table

CODED, CODED_IN = 0.6, ("chronic_care", "preventive", "hospital_first", "hospital_next", "hospital_last")
"""Share of the visits of some stories that have such a code: by judgement."""


@dataclass(frozen=True)
class Lasting:
    """A code of each of some people, from `begin` to the day before `end`: arrays in the order of people, each once."""

    people: Integers
    begin: Integers
    end: Integers
    code: Integers


def visits_with_room(draws: Draws, slots: Slots, diagnoses: Diagnoses) -> Integers:
    """Return the positions of the visits that may have lasting codes."""
    may_have = read_table("stories")["story"].is_in(CODED_IN).to_numpy()[slots.story]
    may_have &= diagnoses.count < MOST_DIAGNOSES
    may_have &= draws.uniform("claim/lasting", slots.counter) < CODED
    return np.flatnonzero(may_have)


def add_lasting(slots: Slots, diagnoses: Diagnoses, rows: Integers, found: Iterable[Lasting]) -> None:
    """Add the codes to the diagnoses of the visits at some positions, as long as a claim has room."""
    person, day = slots.person[rows], slots.service[rows]
    for those in found:
        if not len(those.people):
            continue
        place = np.searchsorted(those.people, person).clip(0, len(those.people) - 1)
        has = (those.people[place] == person) & (those.begin[place] <= day) & (day < those.end[place])
        code = those.code[place]
        has &= (diagnoses.count[rows] < MOST_DIAGNOSES) & (diagnoses.codes[rows] != code[:, None]).all(axis=1)
        at = rows[has]
        diagnoses.codes[at, diagnoses.count[at]] = code[has]
        diagnoses.count[at] += 1
