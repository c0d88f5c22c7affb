"""Irregular claims that bill another claim again: duplicates, and services before their interval is over."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from claims_pipeline.generate.claims.line_modifiers import codes_with_side
from claims_pipeline.generate.claims.mistakes import OTHER_LEVEL
from claims_pipeline.generate.irregularities.planting import Mask, Planting, marks_at, recoded
from claims_pipeline.generate.numbers.days import year_of
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.people.coverage import span_on
from claims_pipeline.lake import Feed
from claims_pipeline.reference import DAILY_CARE_PATTERN, read_table

DUPLICATE, NEAR_DUPLICATE, NEXT_DAY, FREQUENCY = "duplicate", "near_duplicate", "next_day", "frequency"

DUPLICATE_WITHIN = 30
"""Days between the receipt of a claim and of its duplicate, at most."""
SOURCES_BEFORE = 500
"""Number of earlier services among which the one that is billed again is drawn, at most."""
NOT_NEXT_DAY = ("newborn_first", "delivery", "delivery_only", "dialysis", "imaging", "mammography")
"""Stories of which no copy is planted for the next day, beside those that bill daily care or one side of the body.

A birth happens once, dialysis is billed for a month, and the copy of a study may bill another part of it. The side is
drawn for a visit, so that the copy may bill the other one.
"""


def with_repeated_services(year: Planting, wanted: float, feed: Feed) -> Planting:
    """Bill a service again before its interval is over, on the day of another claim's service."""
    checked = read_table("service_intervals").filter(pl.col("checked") == 1)
    intervals = checked.with_columns(pl.col("codes").str.split(" ")).explode("codes")
    days_of = dict(intervals.group_by("codes").agg(pl.col("days").max()).iter_rows())
    code = year.first_of(list(days_of))
    sources = np.flatnonzero((code != "") & year.is_free)
    if not len(sources):
        return year
    person, service = year.person, year.service
    place = np.searchsorted(sources, np.arange(len(code)))
    drawn = year.draws.uniform("irregularity/service repeated", year.counter)
    back = np.floor(drawn * np.minimum(place, SOURCES_BEFORE)).astype(np.int64)
    source = sources[np.maximum(place - 1 - back, 0)]
    gap = service - service[source]
    interval = np.array([days_of.get(one, 0) for one in code[source]])
    fits = (place > 0) & (gap > 2) & (gap < interval - 1) & year.is_paid & ~year.brings_others
    then, now = (span_on(feed, people=person[source], days=days) for days in (service[source], service))
    fits &= now.is_covered & (now.plan == then.plan)
    fits[sources] = False  # the source of another stays as it is
    rows = _first_copies(year.chosen(FREQUENCY, fits, wanted), source)
    frame = _copied(year.frame, rows, source[rows], keep=("service_date",))
    details = _details("{} again, as in {}", pl.Series(code[source[rows]]), year.claim_ids(source[rows]))
    return year.with_irregular(frame, rows, FREQUENCY, details, kept=source[rows])


def with_repeated_claims(year: Planting, wanted: float, kind: str, feed: Feed) -> Planting:
    """Bill a claim of the days before again, under another id.

    A near duplicate has another level of the visit, one of the next day a day of service that is one too late.
    """
    received = year.received
    earliest = np.searchsorted(received, received - DUPLICATE_WITHIN)
    rows_before = np.arange(len(received)) - earliest
    drawn = year.draws.uniform(f"irregularity/{kind} of", year.counter)
    source = earliest + np.floor(drawn * rows_before).astype(np.int64)
    eligible = (rows_before > 0) & year.is_free[source] & ~year.brings_others
    if kind == NEAR_DUPLICATE:
        eligible &= (year.first_of(list(OTHER_LEVEL)) != "")[source]
    if kind == NEXT_DAY:
        eligible &= _may_be_moved(year, feed)[source] & (year.service[source] < received)
    rows = year.chosen(kind, eligible, wanted)
    is_source_changed = np.isin(source[rows], rows)
    rows = _first_copies(rows[~is_source_changed], source)
    frame = _copied(year.frame, rows, source[rows])
    if kind == NEAR_DUPLICATE:
        frame = recoded(frame, rows, OTHER_LEVEL)
    if kind == NEXT_DAY:
        is_moved = marks_at(frame.height, rows).cast(pl.Int64)
        frame = frame.with_columns(pl.col("service_date") + pl.duration(days=is_moved))
    what = {DUPLICATE: "copy", NEAR_DUPLICATE: "copy with another level", NEXT_DAY: "copy for the next day"}[kind]
    details = _details("{} of {}", pl.repeat(what, len(rows), eager=True), year.claim_ids(source[rows]))
    return year.with_irregular(frame, rows, kind, details, kept=source[rows])


def _may_be_moved(year: Planting, feed: Feed) -> Mask:
    """Return which visits can be billed alike for the next day."""
    person, service = year.person, year.service
    today, tomorrow = (span_on(feed, people=person, days=days) for days in (service, service + 1))
    code = pl.element()
    depends_on_day = code.str.contains(DAILY_CARE_PATTERN) | code.is_in(codes_with_side())
    is_excluded = pl.col("hcpcs_codes").list.eval(depends_on_day).list.any() | pl.col("story").is_in(NOT_NEXT_DAY)
    may: Mask = year.frame.select(~is_excluded).to_series().to_numpy().copy()
    may &= tomorrow.is_covered & (tomorrow.plan == today.plan) & (year_of(service) == year_of(service + 1))
    return may


def _first_copies(rows: Integers, source: Integers) -> Integers:
    """Return those of the rows that are the first to be a copy of their source."""
    _, first = np.unique(source[rows], return_index=True)
    return rows[np.sort(first)]


def _copied(frame: pl.DataFrame, rows: Integers, source: Integers, keep: Sequence[str] = ()) -> pl.DataFrame:
    """Return the visits with those at `rows` replaced by those at `source`, but for the claim's id and `keep`."""
    place = np.arange(frame.height)
    place[rows] = source
    own = ("received_date", "claim_index", *keep)
    return frame[place].with_columns(frame[name] for name in own)


def _details(text: str, first: pl.Series, source_ids: pl.Series) -> pl.Series:
    return pl.select(pl.format(text, pl.lit(first), pl.lit(source_ids))).to_series()
