"""The order of a claim's diagnoses as coding_rules.csv asks."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.people.conditions import Masks, code_conditions, condition_names
from claims_pipeline.reference import read_table

NONE = -1
"""In arrays of rows: no row."""
FAILING = "chronic_kidney_disease"
"""The condition of which a stage brings its status with it: dialysis."""
MOST_DIAGNOSES = 4
"""Diagnoses of a claim, at most."""


@cache
def diagnosis_number(code: str) -> int:
    """Return the row of a code in the diagnoses table, by which arrays name it."""
    return read_table("diagnoses")["diagnosis_code"].to_list().index(code)


def in_coding_order(
    draws: Draws, people: Integers, conditions: Masks, codes: Integers, most: Integers
) -> tuple[Integers, Integers]:
    """Return the diagnoses of claims in the order that the rules ask, and how many they are.

    A diagnosis that needs another behind it (hypertensive kidney disease: its stage) brings it, or is left out if the
    claim has no room. A diagnosis that an earlier one excludes is left out. The principal one stays, but one that needs
    it stands before it.

    Args:
        draws: of the feed.
        people: number of each claim's patient.
        conditions: their masks of conditions.
        codes: rows of diagnoses, NONE behind the last, shape (claims, most diagnoses).
        most: how many diagnoses each claim may have beside those that its principal one needs.
    """
    needs, conflicts, condition_of, status = _needs(), _conflicts(), _condition_of(), _statuses()
    kidneys = condition_names().index(FAILING)
    failing = 1 << kidneys
    codes = _parents_first(codes)
    ordered, count = np.full_like(codes, NONE), np.zeros(len(codes), dtype=np.int64)
    rows = np.arange(len(codes))
    for place in range(codes.shape[1]):
        rows = rows[codes[rows, place] != NONE]
        code, so_far = codes[rows, place], ordered[rows]
        present = np.bitwise_or.reduce(condition_of[so_far], axis=1)
        missing = needs[code] & ~present & conditions[rows].astype(np.int64)
        size = 1 + np.bitwise_count(missing.astype(np.uint64)).astype(np.int64)
        size += status[code] != NONE
        (brings,) = np.nonzero(missing & failing)
        those = rows[brings]
        brought = code_conditions(draws, people[those], conditions[those], np.full(len(those), kidneys))
        size[brings] += status[brought] != NONE
        is_new = ~(so_far == code[:, None]).any(axis=1)
        is_new &= ~conflicts[code[:, None], so_far].any(axis=1)
        is_new &= (place == 0) | (count[rows] + size <= most[rows])
        at, missing = rows[is_new], missing[is_new]
        _append(ordered, count, at, code[is_new])
        while len(at := at[missing != 0]):
            missing = missing[missing != 0]
            next_one = missing & -missing
            condition = np.bitwise_count(next_one - 1).astype(np.int64)
            _append(ordered, count, at, code_conditions(draws, people[at], conditions[at], condition))
            missing ^= next_one
    return _parents_first(ordered), count


def _append(ordered: Integers, count: Integers, at: Integers, codes: Integers) -> None:
    """Put a diagnosis behind those of some claims, and the status that it must be followed by, if there is one."""
    for column in (codes, _statuses()[codes]):
        (here,) = np.nonzero(column != NONE)
        ordered[at[here], count[at[here]]] = column[here]
        count[at[here]] += 1


def _parents_first(codes: Integers) -> Integers:
    """Move each diagnosis before the first of those that must follow it."""
    needs, condition_of = _needs(), _condition_of()
    codes, rows = codes.copy(), np.arange(len(codes))
    for place in range(1, codes.shape[1]):
        rows = rows[codes[rows, place] != NONE]
        for before in range(place):
            at = rows[(needs[codes[rows, place]] & condition_of[codes[rows, before]]) != 0]
            codes[at, before : place + 1] = np.roll(codes[at, before : place + 1], 1, axis=1)
    return codes


@cache
def _condition_of() -> Integers:
    """Return for each row of diagnoses the mask of the condition that it codes; the last element is for NONE."""
    names = condition_names()
    families = read_table("diagnoses")["family"].to_list()
    return np.array([*(1 << names.index(family) if family in names else 0 for family in families), 0])


@cache
def _needs() -> Integers:
    """Return for each row of diagnoses the mask of the conditions that must be coded behind it."""
    codes, condition_of = read_table("diagnoses")["diagnosis_code"].to_list(), _condition_of()
    needs = np.zeros(len(codes) + 1, dtype=np.int64)
    for rule in _rules("followed_by"):
        followers = np.bitwise_or.reduce([0, *condition_of[_beginning_with(codes, rule["others"])]])
        needs[_beginning_with(codes, rule["code"])] |= followers
    return needs


@cache
def _statuses() -> Integers:
    """Return for each row of diagnoses the row of the status that always follows it; NONE for most, and for NONE."""
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    statuses = np.full(len(codes) + 1, NONE)
    statuses[codes.index("N18.6")] = codes.index("Z99.2")  # kidney failure, dependence on dialysis
    return statuses


@cache
def _conflicts() -> NDArray[np.bool_]:
    """Return which rows of diagnoses exclude each other; the last row and column are for NONE."""
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    conflicts = np.zeros((len(codes) + 1, len(codes) + 1), dtype=np.bool_)
    for rule in _rules("not_with_diagnosis"):
        conflicts[np.ix_(_beginning_with(codes, rule["code"]), _beginning_with(codes, rule["others"]))] = True
    return conflicts | conflicts.T


def _rules(kind: str) -> list[dict[str, str]]:
    rules = read_table("coding_rules")
    return rules.filter(rules["kind"] == kind).select("code", "others").to_dicts()


def _beginning_with(codes: list[str], begins: str) -> list[int]:
    return [number for number, code in enumerate(codes) if code.startswith(tuple(begins.split()))]
