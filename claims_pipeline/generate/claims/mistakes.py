"""Mistakes of billing, which a later version of the claim or a replacement puts right.

What the visits table holds is right; the mistake is in what the payer receives first. No mistake breaks a rule of
coding_rules.csv: such a claim would not have been accepted.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.charges import MODIFIERS
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.plan import Plan
from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table

MISSING_LINE, MISSING_DIAGNOSIS, WRONG_LEVEL, WRONG_MODIFIER, OLD_PRICES = range(5)
WEIGHTS = (0.3, 0.2, 0.25, 0.1, 0.15)
"""How frequent the mistakes are, among those that a claim can have: by judgement. All can have the last."""
OLD_LIST_YEARS = 2
"""Age of an old price list: every charge of it differs, also rounded."""

OTHER_LEVEL = {
    "99212": "99213",
    "99213": "99214",
    "99214": "99213",
    "99215": "99214",
    "99202": "99203",
    "99203": "99204",
    "99204": "99203",
    "99205": "99204",
    "99282": "99283",
    "99283": "99284",
    "99284": "99283",
    "99285": "99284",
}
OTHER_SIDE = {"RT": "LT", "LT": "RT", "26 RT": "26 LT", "26 LT": "26 RT", "TC RT": "TC LT", "TC LT": "TC RT"}
OTHER_MODIFIER = {**OTHER_SIDE, "26": "", "TC": ""}
"""Modifiers with mistakes: the other side of the body, or the whole study instead of its part."""


@dataclass(frozen=True)
class Mistakes:
    """What the claims of a plan say, mistakes included.

    Attributes:
        lines: in the order of their claims.
        diagnoses: of each claim.
        modifiers: row of charges.MODIFIERS of each line.
        price_age: by how many years the price list is too old by which a claim is billed.
    """

    lines: Lines
    diagnoses: Diagnoses
    modifiers: Integers
    price_age: Integers


def mistakes_of(plan: Plan, modifiers: Integers) -> Mistakes:
    """Return what the claims of a plan say, given the row of MODIFIERS that each line should have."""
    lines, diagnoses = plan.lines, plan.diagnoses
    kind = _kinds(plan, modifiers)
    of_line = kind[lines.claim]
    (leveled,) = np.nonzero((of_line == WRONG_LEVEL) & (_other_levels()[lines.code] != NONE))
    (modified,) = np.nonzero((of_line == WRONG_MODIFIER) & (_other_modifiers()[modifiers] != NONE))
    code, modifiers = lines.code.copy(), modifiers.copy()
    code[leveled] = _other_levels()[code[leveled]]
    modifiers[modified] = _other_modifiers()[modifiers[modified]]
    stays = ~(_is_last(lines) & (of_line == MISSING_LINE))
    (shortened,) = np.nonzero(kind == MISSING_DIAGNOSIS)
    codes, count = diagnoses.codes.copy(), diagnoses.count.copy()
    count[shortened] -= 1
    codes[shortened, count[shortened]] = NONE
    return Mistakes(
        lines=replace(lines, code=code).at(stays),
        diagnoses=Diagnoses(codes, count),
        modifiers=modifiers[stays],
        price_age=np.where(kind == OLD_PRICES, OLD_LIST_YEARS, 0),
    )


def _kinds(plan: Plan, modifiers: Integers) -> Integers:
    """Return the mistake that each claim has, NONE where it has none."""
    lines, diagnoses, claims = plan.lines, plan.diagnoses, len(plan.day)
    (mistaken,) = np.nonzero(plan.is_mistaken)
    is_last = _is_last(lines)
    last_code = diagnoses.codes[np.arange(claims), diagnoses.count - 1]
    pointed = np.zeros(claims, dtype=np.int64)
    np.maximum.at(pointed, lines.claim, lines.pointer)
    possible = np.ones((claims, len(WEIGHTS)), dtype=np.bool_)
    several = np.bincount(lines.claim, minlength=claims) > 1
    possible[:, MISSING_LINE] = several & _any(
        lines, is_last & ~_is_needed("procedures", "hcpcs_code")[lines.code], claims
    )
    possible[:, MISSING_DIAGNOSIS] = (
        (diagnoses.count > 1) & (pointed < diagnoses.count) & ~_is_needed("diagnoses", "diagnosis_code")[last_code]
    )
    possible[:, WRONG_LEVEL] = _any(lines, _other_levels()[lines.code] != NONE, claims)
    possible[:, WRONG_MODIFIER] = _any(lines, _other_modifiers()[modifiers] != NONE, claims)
    kind = np.full(claims, NONE)
    kind[mistaken] = _drawn(Draws(plan.feed.seed), plan.counter[mistaken], possible[mistaken])
    return kind


def _drawn(draws: Draws, counter: NDArray[np.uint64], possible: NDArray[np.bool_]) -> Integers:
    """Return one of the possible kinds for each row, by WEIGHTS."""
    clocks: list[Floats] = [
        -np.log1p(-draws.uniform(f"claim/mistake {kind}", counter)) / weight for kind, weight in enumerate(WEIGHTS)
    ]
    first: Integers = np.argmin(np.where(possible, np.stack(clocks, axis=1), np.inf), axis=1)
    return first


def _is_last(lines: Lines) -> NDArray[np.bool_]:
    """Return which lines are the last of their claim."""
    is_last: NDArray[np.bool_] = np.append(lines.claim[1:] != lines.claim[:-1], True)[: len(lines.claim)]
    return is_last


def _any(lines: Lines, holds: NDArray[np.bool_], claims: int) -> NDArray[np.bool_]:
    found = np.zeros(claims, dtype=np.bool_)
    found[lines.claim[holds]] = True
    return found


@cache
def _is_needed(table: str, column: str) -> NDArray[np.bool_]:
    """Return which codes may be what another one needs on the claim; the last element is for no code."""
    kind = {"procedures": "needs_procedure", "diagnoses": "followed_by"}[table]
    rules = read_table("coding_rules").filter(pl.col("kind") == kind)
    needed = tuple({other for others in rules["others"] for other in others.split()})
    return np.array([*(code.startswith(needed) for code in read_table(table)[column]), False])


@cache
def _other_levels() -> Integers:
    """Return the row of the procedure that each is mistaken for, NONE where it is none."""
    codes = read_table("procedures")["hcpcs_code"].to_list()
    return np.array([codes.index(OTHER_LEVEL[code]) if code in OTHER_LEVEL else NONE for code in codes])


@cache
def _other_modifiers() -> Integers:
    """Return the row of MODIFIERS that each is mistaken for, NONE where it is none."""
    others = [OTHER_MODIFIER.get(modifier) for modifier in MODIFIERS]
    return np.array([NONE if other is None else MODIFIERS.index(other) for other in others])
