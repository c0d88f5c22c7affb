"""From when to when people are members, and when they die.

A household joins and leaves as a whole. Everybody is a member on at least one day of the feed's range. As many join as
leave, so the number of members stays about the same; after the feed's last day nobody joins, leaves or is born, but
people still die.
"""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import WeightTable
from claims_pipeline.generate.numbers.days import (
    ALWAYS,
    DAYS_A_YEAR,
    NEVER,
    day_number,
    month_start,
    months_since_epoch,
)
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MEDICARE_AGE = 65
GROWN = 18
"""Nobody holds a policy before this age."""
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
class Stays:
    """From when to when households are members, as arrays of equal length, in days since 1970-01-01.

    Attributes:
        first, last: first and last day covered; NEVER for those who stay.
        gap_first, gap_last: first and last day of a gap between them; without one, the last lies before the first.
    """

    first: Integers
    last: Integers
    gap_first: Integers
    gap_last: Integers

    def at(self, rows: Integers) -> "Stays":
        """Return those at some positions, which may repeat."""
        return Stays(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class Membership(Stays):
    """From when to when people are members.

    Attributes:
        death: day of death.
    """

    death: Integers


def kinds_below_65(draws: Draws, whose: str, counter: Integers, ages: Integers) -> Integers:
    """Return the kind of coverage, a position in KINDS, by age on the feed's first day and income.

    Args:
        draws: of the feed.
        whose: household, or person for a child with coverage of its own.
        counter: their numbers.
        ages: in years.
    """
    table = read_table("coverage_kinds")
    bands = table["from_age"].unique(maintain_order=True).to_numpy()
    band = np.searchsorted(bands, ages, side="right").clip(1) - 1
    income = draws.below(f"{whose}/income", counter, len(INCOMES))
    choice = WeightTable(table.select(KINDS[:3]).to_numpy())
    return choice.choose(draws.bits(f"{whose}/coverage kind", counter), band * len(INCOMES) + income)


def medicare_starts(
    draws: Draws, people: Integers, *, birth_days: Integers, kinds: Integers, is_child: NDArray[np.bool_]
) -> Integers:
    """Return the first day of Medicare: the month of the 65th birthday, long ago for the disabled, NEVER for a few."""
    starts = month_start(months_since_epoch(birth_days) + MEDICARE_AGE * 12)
    works_on = (draws.uniform("person/working on", people) < WORKING_ON) & (kinds == EMPLOYER)
    starts[works_on] = NEVER
    starts[(draws.uniform("person/disabled", people) < DISABLED) & ~is_child] = ALWAYS
    return starts


def stays_of(feed: Feed, households: Integers, *, head_birth_days: Integers, kinds: Integers) -> Stays:
    """Return from when to when households are members; the first one is for ever.

    Args:
        feed: the feed.
        households: their numbers.
        head_birth_days: days of birth of their first members.
        kinds: their kinds of coverage without Medicare.
    """
    draws, rates = Draws(feed.seed), read_table("membership")
    start, end = day_number(feed.start_date), day_number(feed.end_date)
    is_old = month_start(months_since_epoch(head_birth_days) + MEDICARE_AGE * 12) <= start
    kind = np.where(is_old, MEDICARE, kinds)
    order = [rates["coverage_kind"].to_list().index(name) for name in KINDS]
    leave, gap = (rates[name].to_numpy()[order][kind] for name in ("leave_a_year", "gap_a_year"))
    years = (end + 1 - start) / DAYS_A_YEAR
    joiners = leave * years / (1 + leave * years)
    since = (draws.uniform("household/joins", households) / joiners.clip(1e-9)).clip(0, 1)
    first = month_start(months_since_epoch((start + since * (end - start)).astype(np.int64)))
    is_joiner = (since < 1) & (first > start)
    grown = month_start(months_since_epoch(head_birth_days) + GROWN * 12 + 1)
    grown = np.minimum(grown, month_start(months_since_epoch(np.full(1, start))))
    first[~is_joiner] = np.maximum(first_day_known(feed), grown)[~is_joiner]
    begins = np.maximum(first, start)
    stay = -np.log1p(-draws.uniform("household/leaves", households)) / leave * DAYS_A_YEAR
    last = month_start(months_since_epoch(begins + stay.clip(0, NEVER - end).astype(np.int64)) + 1) - 1
    last[last >= end] = NEVER
    gaps = _gaps(draws, households, begins, np.minimum(last, end), chance=1 - (1 - gap) ** years)
    stays = Stays(first, last, *gaps)
    is_first = households == 0
    stays.first[is_first], stays.gap_last[is_first] = first_day_known(feed), ALWAYS
    stays.last[is_first] = stays.gap_first[is_first] = NEVER
    return stays


def memberships(
    feed: Feed,
    people: Integers,
    *,
    stays: Stays,
    birth_days: Integers,
    is_female: NDArray[np.bool_],
    medicare: Integers,
    has_no_gap: NDArray[np.bool_],
) -> Membership:
    """Return from when to when people are members: as long as their household, but from birth on and until death.

    Args:
        feed: the feed.
        people: their numbers.
        stays: those of their households.
        birth_days: their days of birth.
        is_female: their sex.
        medicare: their first days of Medicare.
        has_no_gap: those who stay covered in a gap of the household.
    """
    first = np.maximum(stays.first, birth_days)
    alive_on = np.maximum(first, day_number(feed.start_date))
    death = deaths(Draws(feed.seed), people, birth_days=birth_days, is_female=is_female, alive_on=alive_on)
    gap_last = np.minimum(stays.gap_last, medicare - 1)
    gap_first, gap_last = np.where(has_no_gap, NEVER, stays.gap_first), np.where(has_no_gap, ALWAYS, gap_last)
    return Membership(first, np.minimum(stays.last, death), gap_first, gap_last, death)


def first_day_known(feed: Feed) -> int:
    """Return the first day of the spans that are told: claims come up to a year late."""
    return day_number(date(feed.start_date.year - 1, 1, 1))


def _gaps(
    draws: Draws, households: Integers, begins: Integers, ends: Integers, *, chance: Floats
) -> tuple[Integers, Integers]:
    """Return the first and last day of whole months without coverage after the month of `begins` and until `ends`."""
    month = months_since_epoch(begins)
    room = months_since_epoch(ends) - month
    after = 1 + draws.below("household/gap", households, room.clip(1))
    length = 1 + draws.below("household/gap months", households, LONGEST_GAP)
    has_gap = (draws.uniform("household/has gap", households) < chance) & (room > 0)
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
