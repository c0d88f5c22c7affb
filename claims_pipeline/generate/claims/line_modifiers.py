"""Modifiers that a line's code asks for: the side of the body, a waived test, a separate procedure."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.claims.charges import MODIFIERS
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers
from claims_pipeline.reference import read_table

SIDES = ("RT", "LT")


def complete_modifiers(
    modifiers: Integers, lines: Lines, *, draws: Draws, claims: Bits, specialty: Integers, diagnoses: Integers
) -> Integers:
    """Return the row of MODIFIERS of each line, with those that coding_rules.csv asks for beside the given ones.

    Args:
        modifiers: row of MODIFIERS of each line so far.
        lines: the lines.
        draws: of the feed.
        claims: counter of each claim.
        specialty: row of specialties of each claim.
        diagnoses: rows of diagnoses of each claim, shape (claims, most diagnoses).
    """
    codes = read_table("procedures")["hcpcs_code"]
    has_side = codes.is_in(codes_with_side()).to_numpy()[lines.code]
    side = _sides()[diagnoses[lines.claim, lines.pointer - 1]]
    drawn = draws.below("claim/side", claims[lines.claim], len(SIDES))
    side = np.where(side >= 0, side, drawn)
    is_waived = codes.is_in(_codes_with("QW")).to_numpy()[lines.code] & _is_practice()[specialty[lines.claim]]
    added = np.select([has_side, is_waived, _is_separate(lines)], [side + 1, len(SIDES) + 1, len(SIDES) + 2], 0)
    completed: Integers = _combined()[modifiers, added]
    return completed


@cache
def _combined() -> Integers:
    """Return the row of MODIFIERS that a row (rows) becomes with nothing, RT, LT, QW or 59 (columns) added."""
    table = np.tile(np.arange(len(MODIFIERS))[:, None], (1, len(SIDES) + 3))
    for row, modifier in enumerate(MODIFIERS):
        for column, added in enumerate((*SIDES, "QW", "59"), start=1):
            combined = f"59 {modifier}" if added == "59" else f"{modifier} {added}"
            if combined.strip() in MODIFIERS:
                table[row, column] = MODIFIERS.index(combined.strip())
    return table


def codes_with_side() -> list[str]:
    """Return the procedures that are billed with the side of the body."""
    return _codes_with(" ".join(SIDES))


@cache
def _codes_with(modifiers: str) -> list[str]:
    """Return the procedures of which coding_rules.csv asks for one of some modifiers."""
    rules = read_table("coding_rules")
    rows = rules.filter((rules["kind"] == "needs_modifier") & rules["others"].str.starts_with(modifiers))
    return [code for text in rows["code"] for code in text.split()]


@cache
def _sides() -> Integers:
    """Return the side of each row of diagnoses, a number in SIDES, or -1; the last element is for no diagnosis."""
    named = {"right": 0, "left": 1}
    return np.array([*(named.get(side, -1) for side in read_table("diagnoses")["side"]), -1])


@cache
def _is_practice() -> NDArray[np.bool_]:
    """Return which specialties bill their tests as a practice with a certificate of waiver: office and urgent care."""
    sites = read_table("specialties").join(read_table("sites"), on="site", maintain_order="left")
    return sites["place_of_service_code"].is_in(["11", "20"]).to_numpy()


def _is_separate(lines: Lines) -> NDArray[np.bool_]:
    """Return which lines are manual therapy beside therapeutic activities: paid if in separate quarter hours."""
    codes = read_table("procedures")["hcpcs_code"].to_list()
    activities = np.unique(lines.claim[lines.code == codes.index("97530")])
    is_separate: NDArray[np.bool_] = (lines.code == codes.index("97140")) & np.isin(lines.claim, activities)
    return is_separate
