"""From when to when people are members, and when they die.

Everybody is a member on at least one day of the feed's range. As many join as leave, so that the number of members
stays about the same; after the feed's last day nobody joins or leaves, but people still die.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.days import ALWAYS, DAYS_A_YEAR, NEVER, day_number, month_start, months_since_epoch
from claims_pipeline.generate.draws import Draws, Floats, Integers, WeightTable
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MEDICARE_AGE = 65
DISABLED = 0.03
"""Share of those below 65 who have Medicare on the grounds of disability: programme rules, CMS 2023."""
WORKING_ON = 0.03
"""Share of persons with an employer's plan who keep it as their only coverage after 65: by judgement, few do."""
KINDS = ("employer", "medicaid", "marketplace", "medicare")
EMPLOYER, MEDICAID, MARKETPLACE, MEDICARE = range(len(KINDS))
INCOMES = ("low", "middle", "high")
LONGEST_GAP = 11
"""Months without coverage, at most: a gap is under a year."""
OLDEST = 130


@dataclass(frozen=True)
class Membership:
    """Days of people as arrays of equal length, counted from 1970-01-01; NEVER where there is none.

    Attributes:
        first, last: first and last day covered.
        gap_first, gap_last: first and last day of a gap between them; without one, the last lies before the first.
        death: day of death.
    """

    first: Integers
    last: Integers
    gap_first: Integers
    gap_last: Integers
    death: Integers


def kinds_below_65(draws: Draws, people: Integers, ages: Integers) -> Integers:
    """Return the kind of coverage, a position in KINDS, by age on the feed's first day and income."""
    table = read_table("coverage_kinds")
    bands = table["from_age"].unique(maintain_order=True).to_numpy()
    band = np.searchsorted(bands, ages, side="right").clip(1) - 1
    income = draws.below("person/income", people, len(INCOMES))
    choice = WeightTable(table.select(KINDS[:3]).to_numpy())
    return choice.choose(draws.bits("person/coverage kind", people), band * len(INCOMES) + income)


def medicare_starts(draws: Draws, people: Integers, *, birth_days: Integers, kinds: Integers) -> Integers:
    """Return the first day of Medicare: the month of the 65th birthday, long ago for the disabled, NEVER for a few."""
    starts = month_start(months_since_epoch(birth_days) + MEDICARE_AGE * 12)
    works_on = (draws.uniform("person/working on", people) < WORKING_ON) & (kinds == EMPLOYER)
    starts[works_on] = NEVER
    starts[draws.uniform("person/disabled", people) < DISABLED] = ALWAYS
    return starts


def memberships(
    feed: Feed,
    people: Integers,
    *,
    birth_days: Integers,
    is_female: NDArray[np.bool_],
    kinds: Integers,
    medicare: Integers,
) -> Membership:
    """Return from when to when people are members.

    Args:
        feed: the feed.
        people: their numbers.
        birth_days: their days of birth.
        is_female: their sex.
        kinds: their kinds of coverage without Medicare.
        medicare: their first days of Medicare.
    """
    draws, rates = Draws(feed.seed), read_table("membership")
    start, end = day_number(feed.start_date), day_number(feed.end_date)
    kind = np.where(medicare <= start, MEDICARE, kinds)
    order = [rates["coverage_kind"].to_list().index(name) for name in KINDS]
    leave, gap = (rates[name].to_numpy()[order][kind] for name in ("leave_a_year", "gap_a_year"))
    years = (end + 1 - start) / DAYS_A_YEAR
    joiners = leave * years / (1 + leave * years)
    since = (draws.uniform("person/joins", people) / joiners.clip(1e-9)).clip(0, 1)
    first = month_start(months_since_epoch((start + since * (end - start)).astype(np.int64)))
    is_joiner = (since < 1) & (first > start)
    first[~is_joiner] = first_day_known(feed)
    begins = np.maximum(first, start)
    death = deaths(draws, people, birth_days=birth_days, is_female=is_female, alive_on=begins)
    stay = -np.log1p(-draws.uniform("person/leaves", people)) / leave * DAYS_A_YEAR
    last = month_start(months_since_epoch(begins + stay.clip(0, NEVER - end).astype(np.int64)) + 1) - 1
    last[last >= end] = NEVER
    last = np.minimum(last, death)
    gap_first, gap_last = _gaps(draws, people, begins, np.minimum(last, end), chance=1 - (1 - gap) ** years)
    gap_last = np.minimum(gap_last, medicare - 1)
    return Membership(first, last, gap_first, gap_last, death)


def first_day_known(feed: Feed) -> int:
    """Return the first day of the spans that are told: claims come up to a year late."""
    return day_number(date(feed.start_date.year - 1, 1, 1))


def _gaps(
    draws: Draws, people: Integers, begins: Integers, ends: Integers, *, chance: Floats
) -> tuple[Integers, Integers]:
    """Return the first and last day of whole months without coverage after the month of `begins` and until `ends`."""
    month = months_since_epoch(begins)
    room = months_since_epoch(ends) - month
    after = 1 + draws.below("person/gap", people, room.clip(1))
    length = 1 + draws.below("person/gap months", people, LONGEST_GAP)
    has_gap = (draws.uniform("person/has gap", people) < chance) & (room > 0)
    gap_first = np.where(has_gap, month_start(month + after), NEVER)
    return gap_first, np.where(has_gap, month_start(month + after + length) - 1, ALWAYS)


def deaths(
    draws: Draws, people: Integers, *, birth_days: Integers, is_female: NDArray[np.bool_], alive_on: Integers
) -> Integers:
    """Return the day of death of people who are alive on a day, by the mortality of their age and sex."""
    ages = np.maximum(alive_on - birth_days, 0) / DAYS_A_YEAR
    day = np.empty_like(birth_days)
    hazard = -np.log1p(-draws.uniform("person/death", people))
    for sex in (0, 1):
        (mine,) = np.nonzero(is_female == sex)
        grid, years = _cumulative_mortality()[sex], np.arange(OLDEST + 1)
        hazard_at_death = np.interp(ages[mine], years, grid) + hazard[mine]
        age_at_death = np.interp(hazard_at_death, grid, years)
        day[mine] = birth_days[mine] + (age_at_death * DAYS_A_YEAR).astype(np.int64)
    return np.maximum(day, alive_on + 1)


@cache
def _cumulative_mortality() -> Floats:
    """Return the mortality summed up to each birthday, shape (2, ages), men first."""
    table = read_table("mortality")
    middle = (table["from_age"] + table["to_age"] + 1).to_numpy() / 2
    ages = np.arange(OLDEST) + 0.5
    rates = [np.exp(np.interp(ages, middle, np.log(table[sex].to_numpy() / 100_000))) for sex in ("male", "female")]
    return np.concatenate([np.zeros((2, 1)), np.cumsum(rates, axis=1)], axis=1)
