"""The visits of a part of a year into which irregularities are planted: what may change, and the labels so far."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.anesthesia import STORY as ANESTHESIA
from claims_pipeline.generate.claims.pathology import STORY as PATHOLOGY
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers, pair
from claims_pipeline.generate.numbers.identifiers import claim_ids
from claims_pipeline.generate.schedule.lifecycle import CANCELLED, are_mistaken, last_statuses
from claims_pipeline.lake import Feed
from claims_pipeline.schema import IRREGULARITIES

Mask = NDArray[np.bool_]
NO_ROWS: Integers = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Planting:
    """The visits of a part of a year while irregularities are planted.

    Attributes:
        draws: of the feed.
        frame: the visits.
        counter: the counter of each claim.
        is_paid: which claims do not end as cancelled: a cancelled claim may be billed again.
        is_free: which visits may be changed or copied.
        brings_others: which visits no planted claim may take the place of: they have anesthesia or pathology.
        labels: of the irregularities so far.
    """

    draws: Draws
    frame: pl.DataFrame
    counter: Bits
    is_paid: Mask
    is_free: Mask
    brings_others: Mask
    labels: tuple[pl.DataFrame, ...] = ()

    @property
    def service(self) -> Integers:
        """The day of service of each visit."""
        return self._days("service_date")

    @property
    def received(self) -> Integers:
        """The day of receipt of each claim."""
        return self._days("received_date")

    @property
    def person(self) -> Integers:
        """The number of the patient of each visit."""
        return self.frame["person"].to_numpy().astype(np.int64)

    def _days(self, column: str) -> Integers:
        return self.frame[column].to_physical().to_numpy().astype(np.int64)

    def first_of(self, wanted: Sequence[str]) -> NDArray[np.str_]:
        """Return the first of some procedures that each visit has, an empty text where it has none."""
        codes = pl.col("hcpcs_codes").list.eval(pl.element().filter(pl.element().is_in(list(wanted))))
        found = self.frame.select(codes.list.first().fill_null(""))
        return found.to_series().to_numpy().astype(str)

    def chosen(self, kind: str, eligible: Mask, wanted: float) -> Integers:
        """Return about `wanted` of the rows that are eligible and may be changed."""
        candidates = eligible & self.is_free
        share = wanted / max(1, int(candidates.sum()))
        drawn = self.draws.uniform(f"irregularity/{kind}", self.counter)
        chosen: Integers = np.flatnonzero(candidates & (drawn < share))
        return chosen

    def claim_ids(self, rows: Integers) -> pl.Series:
        """Return the ids of the claims at some rows."""
        return claim_ids(self.received[rows], self.frame["claim_index"].to_numpy()[rows].astype(np.int64))

    def with_irregular(
        self, frame: pl.DataFrame, rows: Integers, kind: str, details: pl.Series, kept: Integers | Mask = NO_ROWS
    ) -> "Planting":
        """Return the year with the visits at `rows` irregular; those at `kept` make them so and must stay."""
        is_free = self.is_free.copy()
        is_free[rows] = False
        is_free[kept] = False
        label = pl.DataFrame(
            {"claim_id": self.claim_ids(rows), "kind": pl.repeat(kind, len(rows), eager=True), "detail": details}
        )
        labels = (*self.labels, label.cast(IRREGULARITIES.polars_schema))
        return replace(self, frame=frame, is_free=is_free, labels=labels)


def planting(feed: Feed, visits: pl.DataFrame) -> Planting:
    """Return the visits of a part of a year without any irregularity.

    A claim may be changed or copied if it is paid as it is first received: one that is cancelled may be billed again,
    and one with a mistake that a later version puts right does not show its irregularity, or its copy, until then.
    """
    draws, counter = Draws(feed.seed), counters(visits)
    is_paid = last_statuses(draws, counter) != CANCELLED
    is_free = is_paid & ~are_mistaken(draws, counter, np.ones(len(counter), dtype=np.int64))
    is_free &= visits["replaced_date"].is_null().to_numpy()
    return Planting(draws, visits, counter, is_paid, is_free, _bring_others(visits))


def counters(visits: pl.DataFrame) -> Bits:
    """Return the counter of the claim of each visit."""
    received = visits["received_date"].to_physical().to_numpy().astype(np.int64)
    return pair(received, visits["claim_index"].to_numpy().astype(np.int64))


def _bring_others(visits: pl.DataFrame) -> Mask:
    """Return which visits have a claim of anesthesia or pathology beside them."""
    keys = ["person", "service_date"]
    given = (
        visits.filter(pl.col("story").is_in([ANESTHESIA, PATHOLOGY])).select(keys).unique().with_columns(is_given=True)
    )
    is_given = visits.select(keys).join(given, on=keys, how="left", maintain_order="left")["is_given"]
    return is_given.fill_null(False).to_numpy()


def recoded(frame: pl.DataFrame, rows: Integers, codes: dict[str, str]) -> pl.DataFrame:
    """Return the visits with some procedures of those at `rows` replaced by others."""
    changed = pl.col("hcpcs_codes").list.eval(pl.element().replace(codes))
    return frame.with_columns(
        pl.when(marks_at(frame.height, rows)).then(changed).otherwise(pl.col("hcpcs_codes")).alias("hcpcs_codes")
    )


def marks_at(height: int, rows: Integers) -> pl.Expr:
    """Return an expression that is true at some rows."""
    marks = np.zeros(height, dtype=np.bool_)
    marks[rows] = True
    return pl.lit(pl.Series(marks))
