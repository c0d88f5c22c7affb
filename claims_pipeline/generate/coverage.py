"""Which plan covers a person on a day, from when to when.

Coverage renews on January 1; Medicare begins on the first of the month of the 65th birthday.
"""

from dataclasses import dataclass

import numpy as np

from claims_pipeline.generate.days import ages_on, day_number, month_start, months_since_epoch, year_of, year_start
from claims_pipeline.generate.draws import Draws, Integers, KeyedChoice, WeightTable, pair
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MEDICARE_AGE = 65
DISABLED = 0.03
"""Share of those below 65 who have Medicare on the grounds of disability: programme rules, CMS 2023."""
WORKING_ON = 0.03
"""Share of persons with an employer's plan who keep it as their only coverage after 65: by judgement, few do."""
PLAN_CHANGES_A_YEAR = 0.12
"""Share of members who choose another plan at renewal: by judgement, most stay where they are."""
KINDS = ("employer", "medicaid", "marketplace", "medicare")
INCOMES = ("low", "middle", "high")


@dataclass(frozen=True)
class Spans:
    """Spans of coverage as arrays of equal length; days are counted from 1970-01-01, ends included."""

    plan: Integers
    start: Integers
    end: Integers


def span_on(feed: Feed, *, people: Integers, birth_days: Integers, days: Integers) -> Spans:
    """Return the span that covers each person on a day; `plan` is a row of the plans table."""
    draws = Draws(feed.seed)
    years = year_of(days)
    january, december = year_start(years), year_start(years + 1) - 1
    kind = _kind_below_65(feed, people, birth_days)
    works_on = (draws.uniform("person/working on", people) < WORKING_ON) & (kind == KINDS.index("employer"))
    is_disabled = draws.uniform("person/disabled", people) < DISABLED
    begins = medicare_start(birth_days)
    has_medicare = is_disabled | ((days >= begins) & ~works_on)
    changes_over = ~is_disabled & ~works_on & (begins > january) & (begins <= december)
    kind[has_medicare] = KINDS.index("medicare")
    return Spans(
        plan=_plan(feed, people, years, kind),
        start=np.where(changes_over & has_medicare, begins, january),
        end=np.where(changes_over & ~has_medicare, begins - 1, december),
    )


def medicare_start(birth_days: Integers) -> Integers:
    """Return the first day of the month of the 65th birthday."""
    return month_start(months_since_epoch(birth_days) + MEDICARE_AGE * 12)


def _kind_below_65(feed: Feed, people: Integers, birth_days: Integers) -> Integers:
    """Return the kind of coverage by age on the feed's first day and income, both the person's for ever."""
    draws, table = Draws(feed.seed), read_table("coverage_kinds")
    bands = table["from_age"].unique(maintain_order=True).to_numpy()
    age = ages_on(birth_days, np.array([day_number(feed.start_date)]))
    band = np.searchsorted(bands, age, side="right").clip(1) - 1
    income = draws.below("person/income", people, len(INCOMES))
    choice = WeightTable(table.select(KINDS[:3]).to_numpy())
    return choice.choose(draws.bits("person/coverage kind", people), band * len(INCOMES) + income)


def _plan(feed: Feed, people: Integers, years: Integers, kind: Integers) -> Integers:
    """Return the plan of a kind that a person has in a year: kept until they choose anew at a renewal."""
    draws, plans = Draws(feed.seed), read_table("plans")
    chosen_in = np.zeros(len(people), dtype=np.int64)
    for year in range(feed.start_date.year, int(years.max(initial=0)) + 1):
        chooses = draws.uniform("person/plan change", pair(people, year)) < PLAN_CHANGES_A_YEAR
        chosen_in[chooses & (years >= year)] = year
    kinds, share = plans["coverage_kind"].to_numpy(), plans["share"].to_numpy()
    choice = KeyedChoice(plans["plan_id"].to_list(), [np.where(kinds == name, share, 0.0) for name in KINDS])
    return choice.choose(draws.bits("person/plan", pair(people, chosen_in)), kind)
