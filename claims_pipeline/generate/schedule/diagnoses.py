"""The diagnoses of a claim: the reason of the visit, and the patient's conditions that are coded too."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, in_coding_order
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.people.conditions import Masks, all_conditions, code_conditions, condition_names
from claims_pipeline.generate.schedule.reasons import condition_choice
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.reference import read_table


@dataclass(frozen=True)
class Diagnoses:
    """Diagnoses of claims.

    Attributes:
        codes: rows of the diagnoses table, the principal one first, NONE behind the last, shape (claims, 4).
        count: how many there are.
    """

    codes: Integers
    count: Integers


def diagnoses_of(draws: Draws, slots: Slots, conditions: Masks, principal: Integers) -> Diagnoses:
    """Return the diagnoses of each visit: its reason, and further ones of the conditions that the patient has."""
    stories = read_table("stories")
    codes = np.full((len(principal), MOST_DIAGNOSES), NONE)
    codes[:, 0] = principal
    count = np.ones(len(principal), dtype=np.int64)
    rest = (conditions & np.uint32(all_conditions())).astype(np.int64) & ~_own_condition()[principal]
    chance, most = (stories[name].to_numpy()[slots.story] for name in ("secondary", "secondary_most"))
    for further in range(1, MOST_DIAGNOSES):
        coded = draws.uniform(f"claim/secondary {further}", slots.counter) < chance
        (rows,) = np.nonzero((rest > 0) & (most >= further) & coded)
        which = condition_choice().choose(draws.bits(f"claim/condition {further}", slots.counter[rows]), rest[rows])
        rest[rows] &= ~(1 << which)
        codes[rows, count[rows]] = code_conditions(draws, slots.person[rows], conditions[rows], which)
        count[rows] += 1
    codes, count = in_coding_order(draws, slots.person, conditions, codes, 1 + most)
    return Diagnoses(codes, count)


@cache
def _own_condition() -> Integers:
    """Return for each row of diagnoses the mask of the condition whose family it belongs to."""
    names = condition_names()
    families = read_table("diagnoses")["family"].to_list()
    return np.array([1 << names.index(family) if family in names else 0 for family in families])
