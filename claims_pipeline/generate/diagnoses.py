"""What a visit is about: the principal diagnosis of its story, and the patient's conditions that are coded too."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.conditions import code_conditions, condition_names
from claims_pipeline.generate.draws import Draws, Integers, WeightTable
from claims_pipeline.generate.plan import Plan
from claims_pipeline.generate.population import population
from claims_pipeline.reference import read_table

MOST_DIAGNOSES = 4
OLDEST = 120
NONE = -1
CONDITION = "condition"


@dataclass(frozen=True)
class Diagnoses:
    """Diagnoses of claims.

    Attributes:
        codes: rows of the diagnoses table, the principal one first, NONE behind the last, shape (claims, 4).
        count: how many there are.
        condition: the condition that the principal diagnosis stands for, or NONE.
    """

    codes: Integers
    count: Integers
    condition: Integers


def diagnoses_of(plan: Plan, ages: Integers) -> Diagnoses:
    """Return the diagnoses of each claim of a plan, given the patients' ages on the day of service."""
    draws, people = Draws(plan.feed.seed), population(plan.feed)
    stories = read_table("stories")
    masks = people.conditions[plan.person].astype(np.int64)
    eligible = masks & _cluster_masks()[plan.story]
    principal = _principal(plan, ages, people.is_female[plan.person], has_condition=eligible > 0)
    (chronic,) = np.nonzero(principal == NONE)
    condition = np.full(len(principal), NONE)
    which = _condition_choice().choose(draws.bits("claim/condition", plan.episode[chronic]), eligible[chronic])
    condition[chronic] = which
    principal[chronic] = code_conditions(draws, plan.person[chronic], people.conditions[plan.person[chronic]], which)
    codes = np.full((len(principal), MOST_DIAGNOSES), NONE)
    codes[:, 0] = principal
    count = np.ones(len(principal), dtype=np.int64)
    rest = masks & ~_own_condition()[principal]
    chance, most = (stories[name].to_numpy()[plan.story] for name in ("secondary", "secondary_most"))
    for further in range(1, MOST_DIAGNOSES):
        coded = draws.uniform(f"claim/secondary {further}", plan.counter) < chance
        (rows,) = np.nonzero((rest > 0) & (most >= further) & coded)
        which = _condition_choice().choose(draws.bits(f"claim/condition {further}", plan.counter[rows]), rest[rows])
        rest[rows] &= ~(1 << which)
        code = code_conditions(draws, plan.person[rows], people.conditions[plan.person[rows]], which)
        codes[rows, count[rows]] = code
        count[rows] += 1
    return Diagnoses(codes, count, condition)


def _principal(
    plan: Plan, ages: Integers, is_female: NDArray[np.bool_], *, has_condition: NDArray[np.bool_]
) -> Integers:
    """Return rows of diagnoses by story, sex and age; NONE where it is one of the patient's conditions."""
    with_condition, without, options = _principal_choice()
    row = (plan.story * 2 + is_female) * (OLDEST + 1) + np.minimum(ages, OLDEST)
    bits = Draws(plan.feed.seed).bits("claim/principal", plan.episode)
    option = with_condition.choose(bits, row)
    (again,) = np.nonzero((options[option] == NONE) & ~has_condition)
    option[again] = without.choose(bits[again], row[again])
    return options[option]


@cache
def _principal_choice() -> tuple[WeightTable, WeightTable, Integers]:
    """Return the choice with and without the patient's conditions, and the row of diagnoses for each option."""
    stories, rows, codes = (read_table(name) for name in ("stories", "story_diagnoses", "diagnoses"))
    numbers = {code: number for number, code in enumerate(codes["diagnosis_code"])}
    options = [CONDITION, *(code for code in rows["diagnosis_code"].unique(maintain_order=True) if code != CONDITION)]
    weights = np.zeros((stories.height, 2, OLDEST + 1, len(options)))
    for row in rows.iter_rows(named=True):
        story, option = stories["story"].to_list().index(row["story"]), options.index(row["diagnosis_code"])
        from_age, to_age, sex = row["from_age"], row["to_age"], None
        if row["diagnosis_code"] != CONDITION:
            fits = codes.row(numbers[row["diagnosis_code"]], named=True)
            from_age, to_age, sex = max(from_age, fits["from_age"]), min(to_age, fits["to_age"]), fits["sex"]
        for is_female, name in enumerate(("male", "female")):
            if sex in (None, name):
                weights[story, is_female, from_age : to_age + 1, option] = row["weight"]
    without = weights.copy()
    without[..., 0] = 0
    for table in (weights, without):
        table[table.sum(axis=-1) == 0, 0] = 1.0
    of_option = np.array([numbers.get(option, NONE) for option in options])
    return WeightTable(weights.reshape(-1, len(options))), WeightTable(without.reshape(-1, len(options))), of_option


@cache
def _condition_choice() -> WeightTable:
    """Return the choice of one of the conditions of a mask, by how often each is the reason of a visit."""
    weights = read_table("conditions")["visit_weight"].to_numpy()
    masks = np.arange(2 ** len(weights))
    table = ((masks[:, None] >> np.arange(len(weights))) & 1) * weights
    table[0] = 1.0
    return WeightTable(table)


@cache
def _cluster_masks() -> Integers:
    """Return for each story the conditions that it can be about."""
    clusters = read_table("conditions")["cluster"].to_list()
    return np.array(
        [
            sum(1 << bit for bit, cluster in enumerate(clusters) if wanted in (None, cluster))
            for wanted in read_table("stories")["cluster"]
        ]
    )


@cache
def _own_condition() -> Integers:
    """Return for each row of diagnoses the mask of the condition whose family it belongs to."""
    names = condition_names()
    families = read_table("diagnoses")["family"].to_list()
    return np.array([1 << names.index(family) if family in names else 0 for family in families])
