"""Chronic conditions on a day: who has which, how severe they are, and how they are coded.

A person's conditions are a bit mask: bit c for the row c of reference/data/conditions.csv, and above the conditions the
stage of those that progress.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import DAYS_A_YEAR
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers, keys_of, pair
from claims_pipeline.generate.people.onsets import Days
from claims_pipeline.reference import read_table

STAGE_BITS = 3
"""Bits of a mask for each condition that progresses."""

Masks = NDArray[np.uint32]


def condition_names() -> list[str]:
    """Return the conditions in the order of their bits."""
    return read_table("conditions")["condition"].to_list()


def all_conditions() -> int:
    """Return the mask of all conditions, without stages."""
    return (1 << len(condition_names())) - 1


def masks_on(draws: Draws, people: Integers, onsets: Days, days: Integers, *, since: int) -> Masks:
    """Return the conditions of people on a day each, with the stages of those that progress.

    Args:
        draws: of the feed.
        people: their numbers.
        onsets: of the conditions (rows) of these people.
        days: the day of each.
        since: stages progress from this day or, if it is later, the onset on.
    """
    masks = np.zeros(len(people), dtype=np.uint32)
    for number, onset in enumerate(onsets):
        masks |= (onset <= days).astype(np.uint32) << np.uint32(number)
    for place, (condition, rates) in enumerate(_progress().items()):
        (mine,) = np.nonzero(masks >> np.uint32(condition) & 1)
        is_new = onsets[condition][mine] > since
        years = (days[mine] - np.maximum(onsets[condition][mine], since)) / DAYS_A_YEAR
        stage = _stages(draws, people[mine], condition, is_new=is_new, years=years, rates=rates)
        masks[mine] |= stage.astype(np.uint32) << np.uint32(len(onsets) + place * STAGE_BITS)
    return masks


def _stages(
    draws: Draws, people: Integers, condition: int, *, is_new: NDArray[np.bool_], years: Floats, rates: Floats
) -> Integers:
    """Return the stage of a condition: new ones begin at the first stage, others with the shares of condition_codes."""
    table, name = _codes()[0], condition_names()[condition]
    rows = _rows_of(condition)
    stage = np.searchsorted(rows, table.choose(draws.bits("person/code", _counter(people, condition)), condition))
    stage[is_new] = 0
    left = years
    for step in range(len(rates)):
        wait = -np.log1p(-draws.uniform(f"person/progress/{name}/{step}", people)) / rates[stage].clip(1e-9)
        moves = (left >= wait) & (rates[stage] > 0)
        left = np.where(moves, left - wait, -1.0)
        stage += moves
    return stage


def _counter(people: Integers, condition: Integers | int) -> Bits:
    return pair(people, _keys()[condition])


@cache
def _keys() -> Integers:
    return keys_of(condition_names())


@cache
def _rows_of(condition: int) -> Integers:
    """Return the rows of condition_codes that are the stages of a condition, in order."""
    rules = read_table("condition_codes")
    is_stage = (rules["condition"] == condition_names()[condition]) & rules["with_condition"].is_null()
    return np.flatnonzero(is_stage.to_numpy())


@cache
def _progress() -> dict[int, Floats]:
    """Return the share that moves on to the next stage within a year, by stage, of the conditions that progress."""
    rates = read_table("condition_codes")["moves_on"].to_numpy()
    by_condition = {number: rates[_rows_of(number)] for number in range(len(condition_names()))}
    return {number: -np.log1p(-of) for number, of in by_condition.items() if of.any()}


def _stage_of(masks: Masks, condition: int) -> Integers:
    """Return the stage of a condition that progresses, from masks with stages."""
    place = len(condition_names()) + list(_progress()).index(condition) * STAGE_BITS
    stage: Integers = (masks >> np.uint32(place) & np.uint32(2**STAGE_BITS - 1)).astype(np.int64)
    return stage


_Combinations = tuple[tuple[int, int, tuple[int, int] | None, int], ...]


@cache
def _codes() -> tuple[KeyedChoice, Integers, _Combinations]:
    """Return the choice of a code by condition, the codes' rows in diagnoses, and the combination codes.

    A combination is (condition, mask of the others, the condition and stage that it takes at least, code).
    """
    rules, conditions = read_table("condition_codes"), condition_names()
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    weights = np.zeros((len(conditions), rules.height))
    combined = []
    for number, row in enumerate(rules.iter_rows(named=True)):
        condition = conditions.index(row["condition"])
        if not row["with_condition"]:
            weights[condition, number] = row["share"]
            continue
        others = sum(1 << conditions.index(name) for name in row["with_condition"].split("+"))
        least = None
        if row["from_code"]:
            first = rules["diagnosis_code"].to_list().index(row["from_code"])
            staged = conditions.index(rules["condition"][first])
            least = staged, int(np.searchsorted(_rows_of(staged), first))
        combined.append((condition, others, least, codes.index(row["diagnosis_code"])))
    rows = np.array([codes.index(code) for code in rules["diagnosis_code"]])
    keys = [f"{row['diagnosis_code']}/{row['condition']}/{row['with_condition']}" for row in rules.to_dicts()]
    return KeyedChoice(keys, weights), rows, tuple(combined)


def code_conditions(draws: Draws, people: Integers, masks: Masks, conditions: Integers) -> Integers:
    """Return for each person and one of their conditions the row of its code in diagnoses.

    It is the same one for ever, but for conditions that progress.
    """
    table, rows, combined = _codes()
    counter = _counter(people, conditions)
    code = rows[table.choose(draws.bits("person/code", counter), conditions)]
    for condition in _progress():
        mine = conditions == condition
        code[mine] = rows[_rows_of(condition)[_stage_of(masks[mine], condition)]]
    for condition, others, least_stage, combination in combined:
        fits = (conditions == condition) & (masks & np.uint32(others) == others)
        if least_stage is not None:
            fits &= _is_at_least(masks, *least_stage)
        code[fits] = combination
    return code


def are_coded(draws: Draws, people: Integers, masks: Masks, code: str) -> NDArray[np.bool_]:
    """Return which people have a condition that is coded with a code of condition_codes.csv."""
    rules, codes = read_table("condition_codes"), read_table("diagnoses")["diagnosis_code"].to_list()
    name = rules["condition"][rules["diagnosis_code"].to_list().index(code)]
    condition = np.full(len(people), condition_names().index(name))
    are: NDArray[np.bool_] = (masks >> condition.astype(np.uint32)) & np.uint32(1) == 1
    are &= code_conditions(draws, people, masks, condition) == codes.index(code)
    return are


def _is_at_least(masks: Masks, condition: int, stage: int) -> NDArray[np.bool_]:
    is_advanced: NDArray[np.bool_] = _stage_of(masks, condition) >= stage
    return is_advanced


@cache
def worse_codes() -> Integers:
    """Return for each row of diagnoses the row of the same condition when it is worse: the same one where none is."""
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    worse = dict(read_table("condition_codes").select("diagnosis_code", "worse_code").drop_nulls().iter_rows())
    return np.array([codes.index(worse.get(code, code)) for code in codes])
