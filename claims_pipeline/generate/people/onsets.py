"""When chronic conditions begin: prevalence by age and sex, and the frailty that conditions of a cluster share.

Shares by age and sex are those of reference/data/conditions.csv; a condition begins at the age at which its share
passes the person's own threshold, so that prevalence rises with age for each person as it does between persons.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, NEVER
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
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
Days = NDArray[np.int32]


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
