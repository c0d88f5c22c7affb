"""A part of a year of receipt: claims are drawn; those that do not fit the patient's history go to somebody else.

A year is one part, but that of the feed's last day has two: until then and after it. A part is a pure function of the
feed and its days: of the parts before it reads what they hold, and they are such functions too.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import numpy as np
import polars as pl

from claims_pipeline.generate.claims.anesthesia import with_anesthesia
from claims_pipeline.generate.claims.pathology import with_pathology
from claims_pipeline.generate.claims.standing import Standing, frames_of, no_visits
from claims_pipeline.generate.claims.visits import visits_from
from claims_pipeline.generate.directory import practices_of
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Integers, narrowed
from claims_pipeline.generate.numbers.once import forget_large
from claims_pipeline.generate.numbers.parts import Run, parts_by_person
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT
from claims_pipeline.generate.schedule.lifecycle import LONGEST_CYCLE
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.years.drafts import Draft, planned_draft, redrawn_draft, regular_draft
from claims_pipeline.generate.years.fitting import fitting_claims
from claims_pipeline.generate.years.history import History, Seen
from claims_pipeline.lake import Feed
from claims_pipeline.schema import VISITS

ATTEMPTS = 20
"""Number of patients tried for a claim, at most, until it fits one's history; then the last one stays."""
YEARS_BEFORE = 4
"""Years of receipt that hold the services of three years: claims come up to a year late."""


def visits_of(feed: Feed, year: int, earlier: Sequence[pl.DataFrame] = (), *, jobs: int = 2) -> pl.DataFrame:
    """Return the visits of a year in one frame, until the feed's last day if that lies in the year."""
    return pl.concat(frames_of_days(feed, *spans_of_year(feed, year)[0], earlier, jobs=jobs)).cast(VISITS.polars_schema)


def spans_of_year(feed: Feed, year: int) -> list[tuple[int, int]]:
    """Return the first and last day of each part of a year that is drawn alone.

    The year begins with the feed's first day at the earliest. What comes after the feed's last day is a part of its
    own, so that a feed of a few days need not draw the claims of a year.
    """
    first, last = day_number(max(date(year, 1, 1), feed.start_date)), day_number(date(year, 12, 31))
    end = day_number(feed.end_date)
    return [(first, end), (end + 1, last)] if first <= end < last else [(first, last)]


def frames_of_days(
    feed: Feed, first: int, last: int, earlier: Sequence[pl.DataFrame] = (), *, jobs: int = 2
) -> Iterator[pl.DataFrame]:
    """Return one row a claim that the payer receives first on some days, by day and index, with codes as categories.

    There is one frame at least; how the rows are split into frames depends on their number only.

    Args:
        feed: the feed.
        first: the first day of receipt of a part of a year (spans_of_year).
        last: the last day of it.
        earlier: the visits of the years and parts before it, `YEARS_BEFORE` years at least if the feed has them.
        jobs: parts of the claims that are worked on at the same time (threads).
    """
    with ThreadPoolExecutor(jobs) as pool:
        receipts, parts = _drawn(feed, first, last, earlier, pool.map if jobs > 1 else map)
    since = first - LONGEST_CYCLE - LONGEST_WAIT
    recent = [frame.filter(pl.col("received_date").to_physical() >= since) for frame in earlier[-2:]]
    return frames_of(feed, receipts, parts, pl.concat([no_visits(), *recent]), jobs=jobs)


def _drawn(
    feed: Feed, first: int, last: int, earlier: Sequence[pl.DataFrame], run: Run
) -> tuple[ReceiptDays, list[Standing]]:
    """Return some days of receipt, and their claims but for replacements, in parts by person."""
    receipts, parts = _fitting(feed, first, last, earlier, run)
    return receipts, with_pathology(receipts, with_anesthesia(receipts, parts))


def _fitting(
    feed: Feed, first: int, last: int, earlier: Sequence[pl.DataFrame], run: Run
) -> tuple[ReceiptDays, list[Standing]]:
    """Return some days of receipt, and their claims without replacements and without those that procedures bring.

    The claims fit the patients' histories.
    """
    receipts, draft = regular_draft(feed, first, last, run)
    if draft is None:
        return receipts, []
    stands = receipts.replaces != NO_COUNTER
    history, practices = _history(feed, earlier), practices_of(feed)
    made: list[Standing] = []

    def make(claims: Draft, rows: Integers, *, is_last: bool) -> None:
        of_part = partial(fitting_claims, feed, history, claims, is_last=is_last)
        for part in list(run(of_part, [rows[part] for part in parts_by_person(claims.slots.person[rows])])):
            made.append(part)
            stands[part.row] = True
            practice = narrowed(practices[part.practitioner])
            seen = Seen(part.person, part.practitioner, practice, part.service, part.is_new)
            history.add(seen, part.lines.claim, part.lines.code)

    forget_large()  # of most claims nobody else is drawn
    planned = planned_draft(receipts)
    make(planned, np.arange(len(planned.row)), is_last=False)
    for attempt in range(ATTEMPTS):
        rows = narrowed(np.flatnonzero(~stands[draft.row]))
        if not len(rows):
            break
        if attempt:
            draft = draft.at(rows)  # the others, most of them at first, need no memory any more
            draft = redrawn_draft(feed, draft, attempt - 1, run)
            rows = np.arange(len(rows))
        make(draft, rows, is_last=attempt == ATTEMPTS - 1)
    forget_large()
    return receipts, made


def _history(feed: Feed, earlier: Sequence[pl.DataFrame]) -> History:
    """Return the visits and services of the years before."""
    history, practices = History(), practices_of(feed)
    for frame in earlier:
        visits = visits_from(frame)
        practice = narrowed(practices[visits.practitioner])
        person, service = narrowed(visits.person), narrowed(visits.service)
        history.add(
            Seen(person, narrowed(visits.practitioner), practice, service, visits.is_new),
            narrowed(visits.lines.claim),
            narrowed(visits.lines.code, np.int16),
        )
    return history
