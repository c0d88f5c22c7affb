"""Days as integers: days since 1970-01-01, as NumPy and Polars count them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np

from claims_pipeline.generate.numbers.draws import Integers

EPOCH = date(1970, 1, 1)
DAYS_A_YEAR = 365.25
NEVER = (date.max - EPOCH).days
ALWAYS = (date.min - EPOCH).days
"""Days after and before all others."""


def day_number(day: date) -> int:
    """Return the number of a day."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """Return the day of a number."""
    return EPOCH + timedelta(days=int(number))


def year_of(days: Integers) -> Integers:
    """Return the calendar year of each day."""
    return _looked_up(days, _calendar().years, _calendar().first_day, _year_of)


def _year_of(days: Integers) -> Integers:
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def years_in(years: Integers) -> range:
    """Return the years from the first to the last of some, nothing if there is none."""
    return range(int(years.min()), int(years.max()) + 1) if len(years) else range(0)


def months_since_epoch(days: Integers) -> Integers:
    """Return the calendar month of each day, counted from January 1970."""
    return _looked_up(days, _calendar().months, _calendar().first_day, _months_since_epoch)


def _months_since_epoch(days: Integers) -> Integers:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_start(months: Integers) -> Integers:
    """Return the first day of months counted from January 1970."""
    return _looked_up(months, _calendar().starts, _calendar().first_month, _month_start)


def _month_start(months: Integers) -> Integers:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


@dataclass(frozen=True)
class _Calendar:
    """The days that occur most: years and months by day, first days by month. Looking them up is many times faster."""

    first_day: int
    first_month: int
    years: Integers
    months: Integers
    starts: Integers


@cache
def _calendar() -> _Calendar:
    first_month, last_month = ((year - 1970) * 12 for year in (1850, 2150))
    starts = _month_start(np.arange(first_month, last_month))
    days = np.arange(starts[0], starts[-1])
    return _Calendar(int(starts[0]), first_month, _year_of(days), _months_since_epoch(days), starts)


def _looked_up(values: Integers, table: Integers, first: int, otherwise: Callable[[Integers], Integers]) -> Integers:
    """Return the element of a table that begins at `first` for each value; compute them if one of them is beyond it."""
    place = np.asarray(values, dtype=np.int64) - first
    if place.size and place.min() >= 0 and place.max() < len(table):
        return table[place]
    return otherwise(values)


def year_start(years: Integers) -> Integers:
    """Return January 1 of each year."""
    return month_start((years - 1970) * 12)


def weekday_of(days: Integers) -> Integers:
    """Return 0 for Monday to 6 for Sunday."""
    return (days + 3) % 7


def ages_on(birth_days: Integers, days: Integers) -> Integers:
    """Return the completed years of age on each day; arrays are broadcast. Born on February 29: a year on March 1."""
    years: Integers = age_months_on(birth_days, days) // 12
    return years


def age_months_on(birth_days: Integers, days: Integers) -> Integers:
    """Return the completed months of age on each day; arrays are broadcast."""
    birth_month, month = months_since_epoch(birth_days), months_since_epoch(days)
    is_before = days - month_start(month) < birth_days - month_start(birth_month)
    months: Integers = month - birth_month - is_before
    return months


def years_before(day: date, years: Integers) -> Integers:
    """Return the birth days of those who are exactly `years` old on a day."""
    return year_start(day.year - years) + (day - date(day.year, 1, 1)).days
