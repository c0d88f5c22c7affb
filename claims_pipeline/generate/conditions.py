"""Chronic conditions: who has which, and how they are coded.

A person's conditions are a bit mask, bit c for the row c of reference/data/conditions.csv. Conditions of one cluster
share a frailty, so that they occur together; shares by age and sex are those of the file.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.draws import Bits, Draws, Floats, Integers, KeyedChoice, keys_of, pair
from claims_pipeline.reference import read_table

AGE_BANDS = (18, 35, 50, 65, 75)
FRAILTY = np.array([0.15, 0.35, 0.55, 0.80, 1.00, 1.30, 1.65, 2.20])
"""How much likelier a condition is at each level of frailty; levels are equally frequent, the mean is 1."""
SHARED_FRAILTY = 0.6
"""Share of persons whose frailty in a cluster is their general frailty; in the others it is independent of it."""
LIKELIEST = 0.97

Masks = NDArray[np.uint32]


def condition_names() -> list[str]:
    """Return the conditions in the order of their bits."""
    return read_table("conditions")["condition"].to_list()


def draw_conditions(draws: Draws, people: Integers, *, ages: Integers, is_female: NDArray[np.bool_]) -> Masks:
    """Return the conditions of people of some age and sex."""
    table = read_table("conditions")
    band = np.searchsorted(AGE_BANDS, ages, side="right").clip(1) - 1
    group = band * 2 + is_female
    general = draws.bits("person/frailty", people)
    levels: dict[str, Integers] = {}
    for cluster in table["cluster"].unique():
        own = draws.bits(f"person/frailty/{cluster}", people)
        shares = (own >> np.uint64(3)) & np.uint64(255)
        levels[cluster] = (np.where(shares < SHARED_FRAILTY * 256, general, own) & np.uint64(7)).astype(np.int64)
    masks = np.zeros(len(people), dtype=np.uint32)
    thresholds = _thresholds()
    for number, (condition, cluster) in enumerate(table.select("condition", "cluster").iter_rows()):
        sixteen = draws.bits(f"person/condition/{condition}", people) >> np.uint64(48)
        present = sixteen < thresholds[number].ravel()[group * len(FRAILTY) + levels[cluster]]
        masks |= present.astype(np.uint32) << np.uint32(number)
    return masks


@cache
def _thresholds() -> Bits:
    """Return 65536 x the chance of each condition by age band and sex (rows) and frailty."""
    table, pyramid = read_table("conditions"), read_table("age_pyramid")
    band = np.searchsorted(AGE_BANDS, pyramid["from_age"].to_numpy(), side="right") - 1
    women, men = (np.bincount(band, weights=pyramid[sex].to_numpy()) for sex in ("female", "male"))
    share = women / (women + men)
    chances = np.zeros((table.height, len(AGE_BANDS) * 2, len(FRAILTY)))
    for number, row in enumerate(table.iter_rows(named=True)):
        for index, age in enumerate(AGE_BANDS):
            of_men = row[f"from_{age}"] / (share[index] * row["female_ratio"] + 1 - share[index])
            for sex, chance in enumerate((of_men, of_men * row["female_ratio"])):
                chances[number, index * 2 + sex] = _by_frailty(chance)
    return np.rint(chances * 65536).astype(np.uint64)


def _by_frailty(chance: float) -> Floats:
    """Return the chance at each level of frailty, with the given mean, none above LIKELIEST."""
    scale = chance
    for _ in range(50):
        by_level = np.minimum(FRAILTY * scale, LIKELIEST)
        scale *= chance / by_level.mean()
    return by_level


@cache
def _codes() -> tuple[KeyedChoice, Integers, tuple[tuple[int, int, int], ...]]:
    """Return the choice of a code by condition, the codes' rows in diagnoses, and (condition, others, code) rules."""
    rules, conditions = read_table("condition_codes"), condition_names()
    codes = read_table("diagnoses")["diagnosis_code"].to_list()
    weights = np.zeros((len(conditions), rules.height))
    combined = []
    for number, row in enumerate(rules.iter_rows(named=True)):
        condition = conditions.index(row["condition"])
        if row["with_condition"]:
            others = sum(1 << conditions.index(name) for name in row["with_condition"].split("+"))
            combined.append((condition, others, codes.index(row["diagnosis_code"])))
        else:
            weights[condition, number] = row["share"]
    rows = np.array([codes.index(code) for code in rules["diagnosis_code"]])
    keys = [f"{row['diagnosis_code']}/{row['condition']}/{row['with_condition']}" for row in rules.to_dicts()]
    return KeyedChoice(keys, weights), rows, tuple(combined)


def code_conditions(draws: Draws, people: Integers, masks: Masks, conditions: Integers) -> Integers:
    """Return for each person and one of their conditions the row of its code in diagnoses: the same one for ever."""
    table, rows, combined = _codes()
    counter = pair(people, keys_of(condition_names())[conditions])
    code = rows[table.choose(draws.bits("person/code", counter), conditions)]
    for condition, others, combination in combined:
        code[(conditions == condition) & (masks & np.uint32(others) == others)] = combination
    return code
