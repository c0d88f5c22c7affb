"""When services happen and when the payer receives their claims.

A service of story k happens on day s with weight w_k(s) = share x season x weekday x holiday. Its claim is received
`lag` days later with a probability that falls with the lag and is low on days when offices are closed. So the joint
weight of (s, D) is w_k(s) g(D - s) r(D) / n(s), with n(s) = sum over D of g(D - s) r(D). Everything else follows:
how many claims day D receives, of which stories, and when their services were.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from claims_pipeline.generate.days import day_number, month_of, weekday_of, year_of
from claims_pipeline.generate.draws import Floats, Integers
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.reference.holidays import federal_holidays

LONGEST_LAG = 365
RECEIPTS_BY_WEEKDAY = np.array([1.05, 1.08, 1.05, 1.0, 0.95, 0.15, 0.05])
"""Clearinghouses forward claims on weekends too, but few offices send them then."""
HOLIDAY_RECEIPTS = 0.15

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


@lru_cache(maxsize=4)
def calendar(first: int, last: int) -> Calendar:
    """Return the weights of receipts on `first`..`last` and of the services behind them."""
    before = first - LONGEST_LAG
    lags = lag_weights()
    open_days = _receipt_openness(np.arange(before, last + LONGEST_LAG + 1))
    size = last - before + 1
    chance = np.zeros(size)
    for lag in range(LONGEST_LAG + 1):
        chance += lags[lag] * open_days[lag : lag + size]
    services = service_weights(np.arange(before, last + 1)) / chance[:, None]
    count = last - first + 1
    receipts = np.zeros((count, services.shape[1]))
    for lag in range(LONGEST_LAG + 1):
        receipts += lags[lag] * services[LONGEST_LAG - lag : LONGEST_LAG - lag + count]
    receipts *= open_days[LONGEST_LAG : LONGEST_LAG + count, None]
    return Calendar(before, services, receipts)


@lru_cache(maxsize=4)
def cumulative_claims(feed: Feed, last: int) -> Floats:
    """Return the expected claims of each story received before each day.

    Shape (days + 1, stories), from the feed's first day to `last` or its last day, whichever is later; row 0 is zero.
    The sum of the row after the feed's last day is the number of its claims.
    """
    first, end = day_number(feed.start_date), day_number(feed.end_date)
    received = np.cumsum(calendar(first, max(last, end)).receipts, axis=0)
    total = received[end - first].sum()
    return np.vstack([np.zeros(received.shape[1]), received * (feed.claims / total)])


def claims_before(feed: Feed, last: int) -> Integers:
    """Return how many claim ids the feed has before each day, from its first day to the day after `last`."""
    expected = cumulative_claims(feed, last)
    days = day_number(feed.end_date) - day_number(feed.start_date) + 1
    share = expected.sum(axis=1) / expected[days].sum()  # exactly 1 on the last day, so that no claim is lost
    before: Integers = np.floor(share * feed.claims).astype(np.int64)
    return before


def service_weights(days: Integers) -> Floats:
    """Return w: the weight of services on each day by story, shape (days, stories)."""
    table = read_table("stories")
    weeks, seasons = read_table("week_profiles"), read_table("season_profiles")
    closed, week_factor = _holidays(days)
    weights = np.empty((len(days), table.height))
    for column, story in enumerate(table.iter_rows(named=True)):
        week = weeks.row(by_predicate=pl.col("week") == story["week"], named=True)
        season = seasons.row(by_predicate=pl.col("season") == story["season"], named=True)
        by_weekday = np.array([week[name] for name in WEEKDAYS], dtype=np.float64)
        by_month = np.array([season[name] for name in MONTHS], dtype=np.float64)
        weights[:, column] = story["share"] * by_weekday[weekday_of(days)] * by_month[month_of(days)]
        if week["keeps_holidays"]:
            weights[:, column] *= closed * week_factor
    return weights


def _receipt_openness(days: Integers) -> Floats:
    closed, _ = _holidays(days)
    openness: Floats = np.where(closed < 0.5, HOLIDAY_RECEIPTS, 1.0)
    openness *= RECEIPTS_BY_WEEKDAY[weekday_of(days)]
    return openness


def _holidays(days: Integers) -> tuple[Floats, Floats]:
    """Return for each day its weight as a holiday (1 on others) and the factor of the week of a holiday."""
    closed, factor = np.ones(len(days)), np.ones(len(days))
    years = year_of(days)
    for year in range(int(years[0]) - 1, int(years[-1]) + 2):
        for holiday in federal_holidays(year):
            number = day_number(holiday.day)
            monday = number - holiday.day.weekday()
            in_week = (days >= monday) & (days < monday + 7)
            factor[in_week] *= holiday.week_factor
            closed[days == number] *= holiday.closed_weight / holiday.week_factor
    return closed, factor
