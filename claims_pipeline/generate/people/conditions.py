"""Chronic conditions: who has which from when on, how severe they are, and how they are coded.

A person's conditions on a day are a bit mask: bit c for the row c of reference/data/conditions.csv, and above the
conditions the stage of those that progress. Conditions of one cluster share a frailty, so that they occur together.
Shares by age and sex are those of the file; a condition begins at the age at which its share passes the person's own
threshold, so that prevalence rises with age for each person as it does between persons.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, NEVER
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers, KeyedChoice, keys_of, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.reference import read_table

AGES = {"from_0": 9.0, "from_18": 26.0, "from_35": 42.0, "from_50": 57.0, "from_65": 69.5, "from_75": 79.5}
"""Mean age of the persons whom each column of conditions.csv describes."""
OLDEST_RISE = 90.0
"""Shares go on rising to this age as they do before the last mean age."""
YOUNGEST = 3.0
"""Below this age nobody has a chronic condition."""
ADULT = 18.0
"""Below this age nobody has a condition that children of 9 do not have."""
MONTHS = np.arange(130 * 12)
FRAILTY = np.array([0.15, 0.35, 0.55, 0.80, 1.00, 1.30, 1.65, 2.20])
"""How much likelier a condition is at each level of frailty; levels are equally frequent, the mean is 1."""
SHARED_FRAILTY = 0.6
"""Share of persons whose frailty in a cluster is their general frailty; in the others it is independent of it."""
LIKELIEST = 0.97
LEVELS = 2**13
"""Number of steps in which thresholds are drawn."""
STAGE_BITS = 3
"""Bits of a mask for each condition that progresses."""

Masks = NDArray[np.uint32]
Days = NDArray[np.int32]


def condition_names() -> list[str]:
    """Return the conditions in the order of their bits."""
    return read_table("conditions")["condition"].to_list()


def all_conditions() -> int:
    """Return the mask of all conditions, without stages."""
    return (1 << len(condition_names())) - 1


def draw_onsets(
    draws: Draws, people: Integers, *, birth_days: Integers, ages: Floats, is_female: NDArray[np.bool_]
) -> Days:
    """Return the day on which each condition (rows) begins for each person, NEVER where it does not.

    Args:
        draws: of the feed.
        people: their numbers.
        birth_days: their days of birth.
        ages: their ages in years on the feed's first day, below 0 for those who are not born.
        is_female: their sex.
    """
    table = read_table("conditions")
    months, at_first = _onset_months()
    general = draws.bits("person/frailty", people)
    month_on_first_day = (ages * 12).astype(np.int64).clip(0, len(MONTHS) - 1)
    onsets = np.empty((table.height, len(people)), dtype=np.int32)
    groups: dict[str, Integers] = {}
    for cluster in table["cluster"].unique(maintain_order=True):
        own = draws.bits(f"person/frailty/{cluster}", people)
        is_shared = (own >> np.uint64(3)) & np.uint64(255) < SHARED_FRAILTY * 256
        groups[cluster] = (np.where(is_shared, general, own) & np.uint64(7)).astype(np.int64) * 2 + is_female
    for number, (condition, cluster) in enumerate(table.select("condition", "cluster").iter_rows()):
        level = (draws.bits(f"person/condition/{condition}", people) >> np.uint64(51)).astype(np.int64)
        month = months[number][groups[cluster], level]
        day = birth_days + month * int(DAYS_A_YEAR * 100) // 1200
        # who is past the age at which a share falls again, and not below it on the first day, never had the condition
        was_missed = (month <= month_on_first_day) & (level >= at_first[number][groups[cluster], month_on_first_day])
        onsets[number] = np.where((month == NEVER) | was_missed, NEVER, day)
    return onsets


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


@once()
def _onset_months() -> tuple[list[NDArray[np.int32]], list[NDArray[np.int32]]]:
    """Return for each condition its month of life of onset by group and level, and the levels below its share.

    Groups are frailty x 2 + sex (rows). The second arrays have a column for each month of life.
    """
    onsets, shares = [], []
    for chances in _chances():
        below = np.rint(chances * LEVELS).astype(np.int32)
        rising = np.maximum.accumulate(below, axis=1)
        levels = np.arange(LEVELS)
        months = np.array([np.searchsorted(row, levels, side="right") for row in rising]).astype(np.int32)
        months[months == len(MONTHS)] = NEVER
        onsets.append(months)
        shares.append(below)
    return onsets, shares


@cache
def _chances() -> list[Floats]:
    """Return the chance to have each condition by group, frailty x 2 + sex (rows), and month of life."""
    table, pyramid = read_table("conditions"), read_table("age_pyramid")
    ages = np.array([YOUNGEST, *AGES.values(), OLDEST_RISE])
    grown_up = 1 + list(AGES).index("from_18")
    ages = np.insert(ages, grown_up, ADULT)
    women, men = (pyramid[sex].to_numpy() for sex in ("female", "male"))
    middle = (pyramid["from_age"] + pyramid["to_age"] + 1).to_numpy() / 2
    share = np.interp(ages, middle, women / (women + men))
    tables = []
    for row in table.iter_rows(named=True):
        of_all = np.array([0.0, *(row[name] for name in AGES), 0.0])
        rise = (OLDEST_RISE - ages[-2]) / (ages[-2] - ages[-3])
        of_adult = np.interp(ADULT, np.delete(ages, grown_up), of_all) if row["from_0"] else 0.0
        of_all = np.insert(of_all, grown_up, of_adult)
        of_all[-1] = of_all[-2] + max(0.0, of_all[-2] - of_all[-3]) * rise
        of_men = of_all / (share * row["female_ratio"] + 1 - share)
        by_group = np.empty((len(FRAILTY) * 2, len(ages)))
        for sex, chance in enumerate((of_men, of_men * row["female_ratio"])):
            by_group[sex::2] = _by_frailty(chance).T
        tables.append(np.array([np.interp(MONTHS / 12, ages, of_group) for of_group in by_group]))
    return tables


def _by_frailty(chances: Floats) -> Floats:
    """Return the chance at each level of frailty (columns), none above LIKELIEST, whose mean each chance (rows) is."""
    scale = chances.copy()
    for _ in range(50):
        by_level = np.minimum(FRAILTY * scale[:, None], LIKELIEST)
        mean = by_level.mean(axis=1)
        scale *= np.divide(chances, mean, out=np.ones_like(mean), where=mean > 0)
    return by_level


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
