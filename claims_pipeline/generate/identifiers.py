"""Ids as text, and NPIs that are not assigned to anyone."""

import numpy as np
import polars as pl

from claims_pipeline.generate.draws import Integers

PADDING = {"patient": 6, "practitioner": 4, "organization": 4, "location": 4, "claim": 6}


def numbered(kind: str, index: Integers) -> pl.Series:
    """Return `kind-000001` for index 0, and so on; numbers grow past their padding."""
    return _text(f"{kind}_id", pl.lit(f"{kind}-"), _padded(index + 1, PADDING[kind]))


def claim_ids(received: Integers, index: Integers) -> pl.Series:
    """Return `claim-20250105-000042` for the day received and an index within it (from 0)."""
    return _text("claim_id", pl.lit("claim-"), _compact(received), pl.lit("-"), _padded(index + 1, PADDING["claim"]))


def coverage_ids(patient_ids: pl.Series, start: Integers, order: Integers) -> pl.Series:
    """Return `coverage-000123-20250401` for a patient and the first day covered; what pays second ends with `-2`."""
    return _text(
        "coverage_id",
        pl.lit("coverage"),
        pl.lit(patient_ids).str.strip_prefix("patient"),
        pl.lit("-"),
        _compact(start),
        pl.when(pl.lit(pl.Series(order)) > 1).then(pl.format("-{}", pl.lit(pl.Series(order)))).otherwise(pl.lit("")),
    )


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


def _padded(numbers: Integers, width: int) -> pl.Expr:
    return pl.lit(pl.Series(numbers)).cast(pl.String).str.zfill(width)


def _compact(days: Integers) -> pl.Expr:
    if not len(days) or days.max() - days.min() > len(days):
        return pl.lit(dates(days)).dt.strftime("%Y%m%d")
    first = days.min()
    texts = dates(np.arange(first, days.max() + 1)).dt.strftime("%Y%m%d")  # each day is written once
    return pl.lit(texts.gather(days - first))


def _text(name: str, *parts: pl.Expr) -> pl.Series:
    return pl.select(pl.concat_str(*parts).alias(name)).to_series()
