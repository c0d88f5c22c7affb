"""Days as integers: days since 1970-01-01, as NumPy and Polars count them."""

from datetime import date, timedelta

import numpy as np

from claims_pipeline.generate.draws import Integers

EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Return the number of a day."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """Return the day of a number."""
    return EPOCH + timedelta(days=int(number))


def year_of(days: Integers) -> Integers:
    """Return the calendar year of each day."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970


def month_of(days: Integers) -> Integers:
    """Return the month (0 January to 11 December) of each day."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12


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
