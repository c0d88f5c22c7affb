"""Service lines of claims as arrays, without repeats and without diagnoses that no line has."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table


@dataclass(frozen=True)
class Lines:
    """Lines as arrays of equal length, in the order of their claims and numbers.

    Attributes:
        claim: position of the claim.
        code: row of the procedures table.
        pointer: number of the diagnosis that the line is for, from 1.
        units: number of units.
        slot: number of the slot that the line comes from: lines of a slot depend on one random number.
    """

    claim: Integers
    code: Integers
    pointer: Integers
    units: Integers
    slot: Integers

    def at(self, rows: NDArray[np.bool_] | Integers) -> "Lines":
        """Return some of the lines."""
        return Lines(*(values[rows] for values in vars(self).values()))


def without_repeats(lines: Lines) -> Lines:
    """Drop a procedure that a claim has already; a second vaccine administration is its add-on code."""
    codes = read_table("procedures")["hcpcs_code"].to_list()
    first, further = codes.index("90471"), codes.index("90472")
    code = lines.code.copy()
    repeats = repeats_of(lines.claim, code)
    code[repeats & (code == first)] = further
    keep = ~repeats_of(lines.claim, code)
    return replace(lines, code=code).at(keep)


def drop_needless(diagnoses: Diagnoses, lines: Lines) -> None:
    """Remove from the end of each claim the diagnoses that only lines bring and no line has: Z23 without a vaccine."""
    is_pointed = np.zeros((len(diagnoses.count), MOST_DIAGNOSES + 1), dtype=np.bool_)
    is_pointed[lines.claim, lines.pointer] = True
    for number in range(MOST_DIAGNOSES, 1, -1):
        is_brought = _are_brought()[diagnoses.codes[:, number - 1]]
        needless = (diagnoses.count == number) & is_brought & ~is_pointed[:, number]
        diagnoses.codes[needless, number - 1] = NONE
        diagnoses.count[needless] -= 1


@cache
def _are_brought() -> NDArray[np.bool_]:
    """Return which diagnoses only lines bring as a second one; the last element is for NONE."""
    rules = read_table("coding_rules").filter(pl.col("kind") == "followed_by")
    needed = tuple(other for others in rules["others"] for other in others.split())
    brought = {code for code in read_table("story_lines")["adds"].drop_nulls() if not code.startswith(needed)}
    return np.array([*(code in brought for code in read_table("diagnoses")["diagnosis_code"]), False])


def repeats_of(claim: Integers, code: Integers) -> NDArray[np.bool_]:
    """Return which lines have a procedure that an earlier line of the claim has."""
    _, first = np.unique(claim * read_table("procedures").height + code, return_index=True)
    repeats = np.ones(len(claim), dtype=np.bool_)
    repeats[first] = False
    return repeats
