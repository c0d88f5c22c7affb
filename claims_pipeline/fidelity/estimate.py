"""Figures measured on a sample, each with its standard error: how far chance alone moves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A figure and its standard error, 0 for what does not depend on chance or whose error is not estimated."""

    value: float
    error: float = 0.0

    def scaled(self, factor: float) -> "Estimate":
        """Return the figure in another unit."""
        return Estimate(self.value * factor, abs(self.error * factor))


Figures = Mapping[str, Estimate | None]
"""The figures of a row of the calibration table by part; None where the lake has nothing to measure."""


def share(of: int, count: int) -> Estimate | None:
    """Return the percentage that `of` is of `count` independent cases (binomial error), None without cases."""
    if not count:
        return None
    p = of / count
    return Estimate(100 * p, 100 * sqrt(p * (1 - p) / count))


def share_of(rows: pl.DataFrame, holds: pl.Expr) -> Estimate | None:
    """Return the percentage of the rows for which an expression holds; rows where it is null do not count."""
    of, count = rows.select(of=holds.sum(), count=holds.count()).row(0)
    return share(int(of or 0), int(count))


def shares(frame: pl.DataFrame, column: str, parts: list[str]) -> Figures:
    """Return the percentage of each part among the rows of `frame`, None if there are no rows."""
    counts = dict(frame.group_by(column).len().iter_rows())
    return {part: share(counts.get(part, 0), frame.height) for part in parts}


def rate(events: float, base: float) -> Estimate | None:
    """Return events for a unit of what they are counted on, such as a member's year (Poisson error), or None."""
    return Estimate(events / base, sqrt(events) / base) if base else None


def quotient(of: float, by: float) -> Estimate | None:
    """Return how many events there are for one of the others, both counted (Poisson error), or None without others."""
    if not by:
        return None
    return Estimate(of / by, of / by * sqrt(1 / max(of, 1) + 1 / by))


def share_of_highest(amounts: NDArray[np.float64], part: float) -> Estimate:
    """Return the percentage that a part of the people, those with the highest amounts, have of the sum of all.

    The error is that of a point of the Lorenz curve, by its influence function.
    """
    limit = np.quantile(amounts, 1 - part)
    excess = np.maximum(amounts - limit, 0) + part * limit
    share, mean = excess.mean() / amounts.mean(), amounts.mean()
    influence = (excess - share * amounts) / mean
    return Estimate(abs(float(100 * share)), float(100 * influence.std() / np.sqrt(len(amounts))))


def rank_correlation(pairs: pl.DataFrame, one: str, other: str) -> Estimate | None:
    """Return Spearman's correlation of two columns, None for fewer than four pairs.

    The error is that of Fisher's z of a rank correlation, 1.06 / (n - 3) in square: Fieller, Hartley and Pearson,
    Biometrika 1957;44:470.
    """
    if pairs.height < 4:
        return None
    value = float(pairs.select(pl.corr(one, other, method="spearman")).item())
    return Estimate(value, (1 - value**2) * sqrt(1.06 / (pairs.height - 3)))


def exact(value: float | None) -> Estimate | None:
    """Return a figure whose standard error is not estimated, None for None."""
    return None if value is None else Estimate(value)
