"""Figures measured on a sample, each with its standard error: how far chance alone moves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import polars as pl


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


def rate(events: float, base: float) -> Estimate | None:
    """Return events for a unit of what they are counted on, such as a member's year (Poisson error), or None."""
    return Estimate(events / base, sqrt(events) / base) if base else None


def quotient(of: float, by: float) -> Estimate | None:
    """Return how many events there are for one of the others, both counted (Poisson error), or None without others."""
    if not by:
        return None
    return Estimate(of / by, of / by * sqrt(1 / max(of, 1) + 1 / by))


def exact(value: float | None) -> Estimate | None:
    """Return a figure whose standard error is not estimated, None for None."""
    return None if value is None else Estimate(value)
