"""Days as integers: days since 1970-01-01, as NumPy and Polars count them."""

from datetime import date, timedelta

import numpy as np

from claims_pipeline.generate.draws import Integers

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
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def years_in(years: Integers) -> range:
    """Return the years from the first to the last of some, nothing if there is none."""
    return range(int(years.min()), int(years.max()) + 1) if len(years) else range(0)


def months_since_epoch(days: Integers) -> Integers:
    """Return the calendar month of each day, counted from January 1970."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def month_start(months: Integers) -> Integers:
    """Return the first day of months counted from January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


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
