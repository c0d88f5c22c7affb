"""Which plan covers a person on a day, from when to when.

Coverage renews on January 1; Medicare begins on the first of the month of the 65th birthday.
"""

from dataclasses import dataclass

import numpy as np

from claims_pipeline.generate.days import month_start, months_since_epoch, year_of, year_start
from claims_pipeline.generate.draws import Draws, Integers, WeightTable, pair
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MEDICARE_AGE = 65
DISABLED_SHARE = 0.03
"""Medicare before 65 on the grounds of disability."""
PLAN_CHANGES_A_YEAR = 0.12
KINDS_BELOW_65 = {"employer": 0.70, "medicaid": 0.18, "marketplace": 0.12}


@dataclass(frozen=True)
class Spans:
    """Spans of coverage as arrays of equal length; days are counted from 1970-01-01, ends included."""

    plan: Integers
    start: Integers
    end: Integers


def span_on(feed: Feed, *, people: Integers, birth_days: Integers, days: Integers) -> Spans:
    """Return the span that covers each person on a day; `plan` is a row of the plans table."""
    years = year_of(days)
    medicare_from = medicare_start(birth_days)
    disabled = Draws(feed.seed).uniform("person/disabled", people) < DISABLED_SHARE
    has_medicare = disabled | (days >= medicare_from)
    january, december = year_start(years), year_start(years + 1) - 1
    starts_now = ~disabled & (medicare_from > january) & (medicare_from <= december)
    start = np.where(starts_now & has_medicare, medicare_from, january)
    end = np.where(starts_now & ~has_medicare, medicare_from - 1, december)
    return Spans(_plan(feed, people, years, has_medicare), start, end)


def medicare_start(birth_days: Integers) -> Integers:
    """Return the first day of the month of the 65th birthday."""
    return month_start(months_since_epoch(birth_days) + MEDICARE_AGE * 12)


def _plan(feed: Feed, people: Integers, years: Integers, has_medicare: np.ndarray) -> Integers:
    draws = Draws(feed.seed)
    chosen_in = np.zeros(len(people), dtype=np.int64)
    for year in range(feed.start_date.year - 1, int(years.max(initial=0)) + 1):
        changes = draws.uniform("person/plan change", pair(people, np.full(len(people), year))) < PLAN_CHANGES_A_YEAR
        chosen_in[changes & (years >= year)] = year
    kinds = list(KINDS_BELOW_65)
    kind = WeightTable(list(KINDS_BELOW_65.values())).choose(draws.bits("person/coverage kind", people))
    kind = np.where(has_medicare, len(kinds), kind)
    plans = read_table("plans")
    weights = [
        np.where(plans["coverage_kind"].to_numpy() == name, plans["share"].to_numpy(), 0.0)
        for name in [*kinds, "medicare"]
    ]
    return WeightTable(weights).choose(draws.bits("person/plan", pair(people, chosen_in)), kind)
