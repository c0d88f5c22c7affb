"""Ids as text, and NPIs that are not assigned to anyone."""

from functools import cache

import numpy as np
import polars as pl

from claims_pipeline.generate.numbers.draws import Integers

PADDING = {"patient": 6, "practitioner": 4, "organization": 4, "location": 4, "claim": 6}


def numbered(kind: str, index: Integers) -> pl.Series:
    """Return `kind-000001` for index 0, and so on; numbers grow past their padding."""
    return _numbers(f"{kind}-", index + 1, PADDING[kind]).alias(f"{kind}_id")


def claim_ids(received: Integers, index: Integers) -> pl.Series:
    """Return `claim-20250105-000042` for the day received and an index within it (from 0)."""
    return (_compact(received, "claim-%Y%m%d-") + _numbers("", index + 1, PADDING["claim"])).alias("claim_id")


def claim_indices(ids: pl.Series) -> Integers:
    """Return the index within the day received (from 0) of each claim, by its id."""
    numbers: Integers = ids.str.slice(len("claim-20250105-")).cast(pl.Int64).to_numpy() - 1
    return numbers


def patient_indices(ids: pl.Series) -> Integers:
    """Return the number of each patient from 0, by its id."""
    numbers: Integers = ids.str.slice(len("patient-")).cast(pl.Int64).to_numpy() - 1
    return numbers


def coverage_ids(patient_ids: pl.Series, start: Integers, order: Integers) -> pl.Series:
    """Return `coverage-000123-20250401` for a patient and the first day covered; what pays second ends with `-2`."""
    of_patient = "coverage" + patient_ids.str.slice(len("patient"))
    ends = pl.Series(["", "-2"]).gather(order - 1)
    return (of_patient + _compact(start, "-%Y%m%d") + ends).alias("coverage_id")


def dates(days: Integers) -> pl.Series:
    """Return day numbers as dates."""
    return pl.Series(np.asarray(days, dtype=np.int32)).cast(pl.Date)


def known_dates(days: Integers, *, until: Integers | int) -> pl.Series:
    """Return day numbers as dates, null where they lie after the day until which something is known."""
    frame = pl.DataFrame({"day": np.asarray(days, dtype=np.int32), "is_known": days <= until})
    return frame.select(pl.when("is_known").then("day").cast(pl.Date)).to_series()


def npis(numbers: Integers) -> pl.Series:
    """Return ten digits that begin with 9 and end with the check digit (Luhn over 80840 and the NPI).

    CMS issues NPIs that begin with 1 or 2 only, so these belong to no one.
    """
    body = 900_000_000 + np.asarray(numbers, dtype=np.int64)
    total = np.full(len(body), 24, dtype=np.int64)  # the prefix's share of the sum
    rest = body.copy()
    for position in range(9):
        digit = rest % 10
        rest //= 10
        if position % 2 == 0:
            digit = digit * 2
            digit -= 9 * (digit > 9)
        total += digit
    return pl.Series(body * 10 + (-total) % 10).cast(pl.String)


def _numbers(before: str, numbers: Integers, width: int) -> pl.Series:
    """Return numbers with leading zeros after a text: thousands and the rest are looked up, not written digit by digit.

    Args:
        before: the text.
        numbers: not negative.
        width: digits, more than three; larger numbers have more.
    """
    thousands, rest = np.divmod(numbers, 1000)
    size = 1 << int(thousands.max(initial=0)).bit_length()
    return _written(before, size, width - 3).gather(thousands) + _written("", 1000, 3).gather(rest)


@cache
def _written(before: str, size: int, width: int) -> pl.Series:
    """Return the numbers below `size` with leading zeros after a text."""
    return pl.Series([f"{before}{number:0{width}d}" for number in range(size)], dtype=pl.String)


def _compact(days: Integers, form: str) -> pl.Series:
    """Return days as text in a form of strftime."""
    if not len(days) or days.max() - days.min() > len(days):
        return dates(days).dt.strftime(form)
    first = days.min()
    texts = dates(np.arange(first, days.max() + 1)).dt.strftime(form)  # each day is written once
    return texts.gather(days - first)
