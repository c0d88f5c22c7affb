"""When services happen and when the payer receives their claims.

A service of story k happens on day s with weight w_k(s) = share x season x weekday x holiday. Its claim is received
`lag` days later with a probability that falls with the lag and is low on days when offices are closed. So the joint
weight of (s, D) is w_k(s) g(D - s) r(D) / n(s), with n(s) = sum over D of g(D - s) r(D). Everything else follows:
how many claims day D receives, of which stories, and when their services were.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import (
    day_number,
    month_start,
    months_since_epoch,
    weekday_of,
    year_of,
    year_start,
    years_in,
)
from claims_pipeline.generate.numbers.draws import Floats, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.people_file import kept
from claims_pipeline.generate.schedule.in_turn import turns_a_year
from claims_pipeline.generate.schedule.well_child import visits_a_year
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.reference.holidays import federal_holidays

LONGEST_LAG = 365
RECEIPTS_BY_WEEKDAY = np.array([1.05, 1.08, 1.05, 1.0, 0.95, 0.15, 0.05])
"""Clearinghouses forward claims on weekends too, but few offices send them then."""
HOLIDAY_RECEIPTS = 0.15
LONGEST_WAIT = 7
"""Days until offices are open, at most."""
SCHEDULED = ("turn", "due")
"""How people are drawn (stories.csv) for what happens at an interval: as often as they need it, however many claims."""
SHARES = "story_shares"
"""Name of what a lake keeps of `story_shares`, which need all people (people_file)."""

MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def stories() -> tuple[str, ...]:
    """Return the names of the stories, in the order of their columns in every array here."""
    return tuple(read_table("stories")["story"])


def lag_weights() -> Floats:
    """Return g: the probability that a claim is received 0..365 days after the service, offices being open."""
    lags = np.arange(LONGEST_LAG + 1)
    weights: Floats = np.zeros(LONGEST_LAG + 1)
    for row in read_table("lags").iter_rows(named=True):
        weights += row["share"] * np.exp(-lags / row["mean_days"]) / np.exp(-lags / row["mean_days"]).sum()
    weights /= weights.sum()
    return weights


@dataclass(frozen=True)
class Calendar:
    """Weights of consecutive days, the first one `first_day`.

    Attributes:
        services: w_k(s) / n(s), shape (days, stories).
        receipts: weight of the claims received, shape (days - 365, stories); its first day is `first_day` + 365.
    """

    first_day: int
    services: Floats
    receipts: Floats


@once(maxsize=4)
def calendar(feed: Feed, last: int) -> Calendar:
    """Return the weights of receipts from the feed's first day to `last` and of the services behind them."""
    first = day_number(feed.start_date)
    before = first - LONGEST_LAG
    lags = lag_weights()
    open_days = _receipt_openness(np.arange(before, last + LONGEST_LAG + 1))
    size = last - before + 1
    chance = np.zeros(size)
    for lag in range(LONGEST_LAG + 1):
        chance += lags[lag] * open_days[lag : lag + size]
    services = service_weights(np.arange(before, last + 1)) * story_shares(feed) / chance[:, None]
    count = last - first + 1
    receipts = np.zeros((count, services.shape[1]))
    for lag in range(LONGEST_LAG + 1):
        receipts += lags[lag] * services[LONGEST_LAG - lag : LONGEST_LAG - lag + count]
    receipts *= open_days[LONGEST_LAG : LONGEST_LAG + count, None]
    return Calendar(before, services, receipts)


def cumulative_claims(feed: Feed, last: int) -> Floats:
    """Return the expected claims of each story received before each day.

    Shape (days + 1, stories), from the feed's first day to the horizon; row 0 is zero. The sum of the row after the
    feed's last day is the number of its claims.
    """
    return _cumulative_claims(feed, horizon(feed, last))


def horizon(feed: Feed, last: int) -> int:
    """Return the last day of the year of `last`, or of the feed's last day if that is later.

    Days of a year share what is computed up to it.
    """
    year = year_of(np.array([max(last, day_number(feed.end_date))]))
    return int(year_start(year + 1)[0]) - 1


@once(maxsize=4)
def _cumulative_claims(feed: Feed, last: int) -> Floats:
    first, end = day_number(feed.start_date), day_number(feed.end_date)
    received = np.cumsum(calendar(feed, last).receipts, axis=0)
    total = received[end - first].sum()
    return np.vstack([np.zeros(received.shape[1]), received * (feed.claims / total)])


def claims_before(feed: Feed, last: int) -> Integers:
    """Return how many claim ids the feed has before each day, from its first day to the day after `last`."""
    expected = cumulative_claims(feed, last)
    days = day_number(feed.end_date) - day_number(feed.start_date) + 1
    share = expected.sum(axis=1) / expected[days].sum()  # exactly 1 on the last day, so that no claim is lost
    before: Integers = np.floor(share * feed.claims).astype(np.int64)
    return before


def claim_counts(feed: Feed, first: int, last: int) -> Integers:
    """Return how many new claims each of the days `first`..`last` receives."""
    start = day_number(feed.start_date)
    return np.diff(claims_before(feed, last)[first - start : last - start + 2])


def story_shares(feed: Feed) -> Floats:
    """Return each story's share of the claims; they add up to 1."""
    arrays = kept(feed, [SHARES])
    return _story_shares(feed) if arrays is None else arrays[SHARES]


def _story_shares(feed: Feed) -> Floats:
    """Return each story's share: what is due by schedule comes first, at most `share`; the others share the rest."""
    years = ((feed.end_date - feed.start_date).days + 1) / 365.25
    table = read_table("stories")
    shares, draw = table["share"].to_numpy().astype(np.float64), table["draw"]
    for number, (story, kind) in enumerate(zip(table["story"], draw, strict=True)):
        if kind in SCHEDULED:
            a_year = visits_a_year(feed) if kind == "due" else turns_a_year(feed, story)
            shares[number] = min(shares[number], a_year * years / feed.claims)
    is_scheduled = draw.is_in(SCHEDULED).to_numpy()
    shares[~is_scheduled] *= (1 - shares[is_scheduled].sum()) / shares[~is_scheduled].sum()
    return shares


def service_weights(days: Integers) -> Floats:
    """Return how busy each day is for each story, about 1 on average, shape (days, stories)."""
    closed = _holiday_closure(days)
    weights = np.empty((len(days), len(stories())))
    for column, story in enumerate(read_table("stories").iter_rows(named=True)):
        week = read_table("week_profiles").row(by_predicate=pl.col("week") == story["week"], named=True)
        season = read_table("season_profiles").row(by_predicate=pl.col("season") == story["season"], named=True)
        by_weekday = np.array([week[name] for name in WEEKDAYS], dtype=np.float64)
        by_month = np.array([season[name] for name in MONTHS], dtype=np.float64)
        weights[:, column] = (by_weekday / by_weekday.mean())[weekday_of(days)]
        weights[:, column] *= _between_months(by_month / by_month.mean(), days)
        if week["keeps_holidays"]:
            weights[:, column] *= closed
    return weights


def _between_months(by_month: Floats, days: Integers) -> Floats:
    """Return a value for each day: that of the month in its middle, changing evenly from one middle to the next."""
    months = months_since_epoch(days)
    middle = (month_start(months) + month_start(months + 1)) / 2
    other = np.where(days < middle, months - 1, months + 1)
    other_middle = (month_start(other) + month_start(other + 1)) / 2
    share = (days - middle) / (other_middle - middle)
    values: Floats = by_month[months % 12] * (1 - share) + by_month[other % 12] * share
    return values


def open_days(days: Integers) -> NDArray[np.bool_]:
    """Return on which consecutive days most offices are open."""
    is_open: NDArray[np.bool_] = _receipt_openness(days) > 0.5
    return is_open


def next_open(days: Integers) -> Integers:
    """Return the first day on which most offices are open, of each day and those after it."""
    if not len(days):
        return days
    first, last = int(days.min()), int(days.max())
    every = np.arange(first, last + LONGEST_WAIT + 1)
    opened = np.where(open_days(every), every, every[-1])
    following: Integers = np.minimum.accumulate(opened[::-1])[::-1]
    return following[days - first]


def last_open(days: Integers) -> Integers:
    """Return for each day the latest day up to it on which most offices are open."""
    if not len(days):
        return days
    first, last = int(days.min()), int(days.max())
    every = np.arange(first - LONGEST_WAIT, last + 1)
    opened = np.where(open_days(every), every, every[0])
    before: Integers = np.maximum.accumulate(opened)[days - every[0]]
    return before


def _receipt_openness(days: Integers) -> Floats:
    """Return how likely a claim is received on each of consecutive days, in proportion."""
    years = years_in(year_of(days[[0, -1]]))
    openness = np.concatenate([_openness_in(year) for year in years])
    begin = int(days[0] - year_start(np.array([years[0]]))[0])
    return openness[begin : begin + len(days)]


@cache
def _openness_in(year: int) -> Floats:
    """Return how likely a claim is received on each day of a year, in proportion."""
    days = np.arange(*year_start(np.array([year, year + 1])))
    openness: Floats = np.where(_holiday_closure(days) < 0.5, HOLIDAY_RECEIPTS, 1.0)
    openness *= RECEIPTS_BY_WEEKDAY[weekday_of(days)]
    return openness


def _holiday_closure(days: Integers) -> Floats:
    """Return each day's office visits against those without holidays: few on the day, the others as the week asks."""
    weight = np.ones(len(days))
    week = read_table("week_profiles").row(by_predicate=pl.col("week") == "office", named=True)
    by_weekday = np.array([week[name] for name in WEEKDAYS], dtype=np.float64)
    years = year_of(days)
    for year in range(int(years[0]) - 1, int(years[-1]) + 2):
        for holiday in federal_holidays(year):
            number = day_number(holiday.day)
            monday = number - holiday.day.weekday()
            on_day, in_week = by_weekday[holiday.day.weekday()], by_weekday.sum()
            on_others = in_week * (1 + holiday.week_change) - on_day * holiday.closed_weight
            weight[(days >= monday) & (days < monday + 7) & (days != number)] *= on_others / (in_week - on_day)
            weight[days == number] *= holiday.closed_weight
    return weight
