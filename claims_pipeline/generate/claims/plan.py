"""The plan of some days: which claims and versions the payer receives, and the visits behind them.

A pure function of (feed, day): a claim's counter is (day received, index within the day), and nothing else decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.claims.visits import Visits, visits_from
from claims_pipeline.generate.directory import directory_of
from claims_pipeline.generate.numbers.among import are_among
from claims_pipeline.generate.numbers.days import day_number, month_start, months_since_epoch
from claims_pipeline.generate.numbers.draws import NO_COUNTER, SCATTER, Bits, Draws, Integers, pair
from claims_pipeline.generate.numbers.identifiers import claim_indices
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.coverage import Spans, span_on
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT
from claims_pipeline.generate.schedule.lifecycle import (
    CANCELLED,
    LONGEST_CYCLE,
    Versions,
    are_mistaken,
    latest_until,
    versions_between,
)
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.lake import Feed

FREQUENCIES = ("1", "7", "8")
ORIGINAL, REPLACEMENT, VOID = range(3)
"""Claim frequency codes (X12 837 CLM05-3): an original claim, a replacement of another, the void of a claim."""


@dataclass(frozen=True)
class Plan(Visits):
    """Claim versions as arrays of equal length, ordered by partition day, day received and index.

    Attributes:
        counter: the counter for random draws of what is billed: the visit's, so that each claim of it bills the same.
        day: partition: the day on which the payer receives this version.
        version: 1 for the first version.
        status: position in lifecycle.STATUSES.
        frequency: position in FREQUENCIES.
        is_mistaken: whether the version has a mistake that is corrected later.
    """

    feed: Feed
    counter: Bits
    day: Integers
    version: Integers
    status: Integers
    frequency: Integers
    is_mistaken: NDArray[np.bool_]

    @cached_property
    def spans(self) -> Spans:
        """The span of coverage that pays first, on the day of service of each version."""
        return span_on(self.feed, people=self.person, days=self.service)


def days_received(feed: Feed, days: Sequence[date]) -> tuple[int, int]:
    """Return the first and the last day of receipt of the claims of which a version may come on some days.

    Raises:
        ConfigError: a day lies before the feed's first day.
    """
    if min(days) < feed.start_date:
        raise ConfigError(f"the feed begins on {feed.start_date}", where=str(min(days)), fix="choose a later day")
    return max(day_number(feed.start_date), day_number(min(days)) - LONGEST_CYCLE), day_number(max(days))


def versions_of(feed: Feed, rows: pl.DataFrame, days: Sequence[date]) -> Versions:
    """Return the versions of claims that the payer receives on consecutive days, given rows of `visits`."""
    received = rows["received_date"].to_physical().to_numpy().astype(np.int64)
    counter = pair(received, rows["claim_index"].to_numpy())
    first, last = day_number(min(days)), day_number(max(days))
    return versions_between(Draws(feed.seed), counter, received, first=first, last=last)


def are_latest(feed: Feed, claims: pl.DataFrame) -> pl.Series:
    """Return which rows of `claims` are the latest version of their claim on the feed's last day."""
    received = claims["received_date"].to_physical().to_numpy().astype(np.int64)
    return pl.Series(
        latest_until(
            Draws(feed.seed),
            pair(received, claim_indices(claims["claim_id"])),
            received,
            claims["version_number"].to_numpy(),
            until=day_number(feed.end_date),
        )
    )


def plan_of(feed: Feed, days: Sequence[date], rows: pl.DataFrame) -> Plan:
    """Return the plan of consecutive days.

    Args:
        feed: the feed.
        days: the days.
        rows: rows of `visits`: all that have a version on these days, and maybe others.
    """
    received = rows["received_date"].to_physical().to_numpy().astype(np.int64)
    index = rows["claim_index"].to_numpy().astype(np.int64)
    counter = pair(received, index)
    first, last = day_number(min(days)), day_number(max(days))
    draws, versions = Draws(feed.seed), versions_of(feed, rows, days)
    order = np.lexsort((index[versions.claim], received[versions.claim], versions.day))
    version, status = versions.number[order], versions.status[order]
    are_seen = np.zeros(rows.height, dtype=np.bool_)
    are_seen[versions.claim] = True
    claim = (np.cumsum(are_seen) - 1)[versions.claim[order]]
    # rows with nested columns are slow to copy, and all visits of a range have a version on its days
    visits = visits_from(rows if are_seen.all() else rows.filter(pl.Series(are_seen)))
    counter = counter[are_seen][claim]
    is_voided = (status == CANCELLED) & ~are_among(counter, _replaced_soon(feed, first, last))
    return Plan(
        **visits.at(claim),
        feed=feed,
        counter=_visit_counters(feed, visits)[claim],
        day=versions.day[order],
        version=version,
        status=status,
        frequency=np.select([visits.replaces[claim] != NO_COUNTER, is_voided], [REPLACEMENT, VOID], ORIGINAL),
        is_mistaken=are_mistaken(draws, counter, version),
    )


def _replaced_soon(feed: Feed, first: int, last: int) -> Bits:
    """Return the counters of the claims replaced from `first` on, in order; all of those cancelled by `last`."""
    first_month, last_month = months_since_epoch(np.array([first, last + LONGEST_WAIT]))
    return np.sort(np.concatenate([_replaced_in(feed, month) for month in range(first_month, last_month + 1)]))


@once(maxsize=8)
def _replaced_in(feed: Feed, month: int) -> Bits:
    """Return the counters of the claims that are replaced in a month, which chunks of days have in common."""
    begin, end = month_start(np.array([month, month + 1]))
    replaces = ReceiptDays(feed, max(int(begin), day_number(feed.start_date)), int(end) - 1).replaces
    found: Bits = replaces[replaces != NO_COUNTER]
    return found


def _visit_counters(feed: Feed, visits: Visits) -> Bits:
    """Return a counter for each visit; the claims of a visit (a replacement, a duplicate) have the same."""
    practitioner = directory_of(feed).practitioners["counter"].to_numpy().astype(np.uint64)
    of_day = Draws(feed.seed).bits("visit", pair(visits.service, visits.person))
    return of_day ^ practitioner[visits.practitioner] * SCATTER
