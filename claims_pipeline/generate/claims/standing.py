"""Claims of a year that stand, in as few bytes as there are values, and the frames of the visits table made of them.

A year has them all in memory, in parts by person; frames are made one after the other, in the order of day and index.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.visits import Visits, elements, is_video, visits_from
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Bits, Draws, Integers, narrowed, pair, unpair
from claims_pipeline.generate.numbers.parts import in_order
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.lake import ROW_GROUP, Feed
from claims_pipeline.schema import VISITS


@dataclass(frozen=True)
class Standing:
    """Arrays with one element a claim, and their lines: NumPy must be given wider integers before it adds them.

    Attributes:
        row: position among the claims of the part of the year, all different.
        lines: in the order of their claims.
    """

    row: Integers
    story: Integers
    person: Integers
    practitioner: Integers
    service: Integers
    is_new: NDArray[np.bool_]
    codes: Integers
    count: Integers
    lines: Lines

    @cached_property
    def _by_row(self) -> Integers:
        return narrowed(np.argsort(self.row))

    @cached_property
    def _begins(self) -> Integers:
        """The position of the first line of each claim, and the number of all lines."""
        return narrowed(np.cumsum(np.r_[0, np.bincount(self.lines.claim, minlength=len(self.row))]))

    def between(self, first: int, last: int) -> "Standing":
        """Return the claims with the rows from `first` until before `last`."""
        return self.at(self._by_row[slice(*np.searchsorted(self.row, [first, last], sorter=self._by_row))])

    def at(self, rows: Integers) -> "Standing":
        """Return the claims at some positions."""
        begins, ends = self._begins[rows], self._begins[1:][rows]
        lines = self.lines.at(elements(begins, ends - begins))
        claim = narrowed(np.repeat(np.arange(len(rows)), ends - begins))
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return Standing(**columns, lines=Lines(claim, lines.code, lines.pointer, lines.units, lines.slot))


_COLUMNS = [field.name for field in fields(Standing) if field.name != "lines"]


def standing(
    *,
    row: Integers,
    story: Integers,
    person: Integers,
    practitioner: Integers,
    service: Integers,
    is_new: NDArray[np.bool_],
    diagnoses: Diagnoses,
    lines: Lines,
) -> Standing:
    """Return claims in few bytes."""
    return Standing(
        narrowed(row),
        narrowed(story, np.int8),
        narrowed(person),
        narrowed(practitioner),
        narrowed(service),
        is_new,
        narrowed(diagnoses.codes, np.int16),
        narrowed(diagnoses.count, np.int8),
        Lines(
            narrowed(lines.claim),
            narrowed(lines.code, np.int16),
            narrowed(lines.pointer, np.int8),
            narrowed(lines.units, np.int16),
            _no_slots(len(lines.claim)),
        ),
    )


def _no_slots(count: int) -> Integers:
    """Return slots of lines, which nothing asks for any more, without memory for them."""
    return np.broadcast_to(np.int64(0), count)


def frames_of(
    feed: Feed, receipts: ReceiptDays, parts: Sequence[Standing], before: pl.DataFrame, *, jobs: int = 1
) -> Iterator[pl.DataFrame]:
    """Return the rows of the visits table of a part of a year, one frame at least.

    Args:
        feed: the feed.
        receipts: the days of the part.
        parts: their claims but for replacements.
        before: the visits of the two months before.
        jobs: frames that are made at the same time (threads).
    """
    count = int(receipts.counts.sum())
    if not count:
        yield VISITS.coded_schema.to_frame()
        return
    parts = [*parts, *_copies(receipts, parts, before)]
    with ThreadPoolExecutor(jobs) as pool:
        yield from in_order(pool, partial(_frame, feed, receipts, parts), range(0, count, ROW_GROUP), jobs)


def _frame(feed: Feed, receipts: ReceiptDays, parts: Sequence[Standing], first: int) -> pl.DataFrame:
    """Return the rows of the visits table from number `first` on, as many as a row group has."""
    last = min(first + ROW_GROUP, len(receipts.replaces))
    received, index = receipts.claims_at(np.arange(first, last))
    claims = _in_order([part.between(first, last) for part in parts])
    replaces = receipts.replaces[first:last]
    of_visit = np.where(replaces == NO_COUNTER, pair(received, index), replaces)
    return Visits(
        received=received,
        index=index,
        replaces=replaces,
        person=claims.person,
        service=claims.service,
        story=claims.story,
        practitioner=claims.practitioner,
        is_new=claims.is_new,
        is_video=is_video(Draws(feed.seed), of_visit, claims.story),
        diagnoses=Diagnoses(claims.codes, claims.count),
        lines=claims.lines,
    ).frame()


def _in_order(parts: Sequence[Standing]) -> Standing:
    """Return the claims of all parts in the order of their rows."""
    sizes = [len(part.row) for part in parts]
    begins = np.cumsum([0, *sizes])[: len(parts)]

    code, pointer, units = (
        np.concatenate([getattr(part.lines, name) for part in parts]) for name in ("code", "pointer", "units")
    )
    claim = np.concatenate([part.lines.claim + begin for part, begin in zip(parts, begins, strict=True)])
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}
    everything = Standing(**columns, lines=Lines(claim, code, pointer, units, _no_slots(len(claim))))
    return everything.at(np.argsort(everything.row))


def _copies(receipts: ReceiptDays, parts: Sequence[Standing], before: pl.DataFrame) -> list[Standing]:
    """Return the replacement claims of a part of a year: the visits of the claims that they replace."""
    (rows,) = np.nonzero(receipts.replaces != NO_COUNTER)
    replaces = receipts.replaces[rows]
    day, number = unpair(replaces)
    is_of_year = day >= receipts.first
    source = receipts.rows(day[is_of_year], number[is_of_year])
    target = np.full(len(receipts.replaces), -1)
    target[source] = rows[is_of_year]
    copies = []
    for part in parts:
        of_part = part.at(np.flatnonzero(target[part.row] >= 0))
        copies.append(replace(of_part, row=narrowed(target[of_part.row])))
    if not is_of_year.all():
        copies.append(_copies_of(before, replaces[~is_of_year], rows[~is_of_year]))
    return copies


def _copies_of(before: pl.DataFrame, replaces: Bits, rows: Integers) -> Standing:
    """Return the visits before the part that have some counters, as claims of other rows."""
    counters = pair(before["received_date"].to_physical().to_numpy(), before["claim_index"].to_numpy())
    # as signed numbers, counters are in the order of days also before 1970
    visits = visits_from(before[np.searchsorted(counters.view(np.int64), replaces.view(np.int64))])
    return standing(
        row=rows,
        story=visits.story,
        person=visits.person,
        practitioner=visits.practitioner,
        service=visits.service,
        is_new=visits.is_new,
        diagnoses=visits.diagnoses,
        lines=visits.lines,
    )


def no_visits() -> pl.DataFrame:
    """Return the visits table without rows."""
    return VISITS.polars_schema.to_frame()
