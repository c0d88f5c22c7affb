"""The visits behind the claims that the payer receives on some days, read from a lake or from what is added to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.plan import days_received, versions_of
from claims_pipeline.generate.numbers.days import day_number, day_of
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.lake import ROW_GROUP, Feed, LakeWriter, scan_partitions
from claims_pipeline.schema import VISITS


def visits_of_chunks(writer: LakeWriter, feed: Feed, chunks: Sequence[Sequence[date]]) -> Iterator[pl.DataFrame]:
    """Return for each chunk of days the visits whose claims have a version on them; chunks are in order of time.

    Every group of rows is read once, and the days of its claims' versions are drawn once; what later chunks need of it
    is kept until then.
    """
    groups = _groups(writer, feed, [day for chunk in chunks for day in chunk])
    needed: list[_Group] = []
    read_until = -np.inf
    for chunk in chunks:
        first, last = day_number(chunk[0]), day_number(chunk[-1])
        while read_until <= last and (group := next(groups, None)) is not None:
            needed.append(group)
            read_until = group.last_received
        yield pl.concat([VISITS.polars_schema.to_frame(), *(group.between(first, last) for group in needed)])
        needed = [group.after(last) for group in needed if group.day.max(initial=last) > last]


def years_of_visits(feed: Feed, days: Sequence[date]) -> range:
    """Return the years of receipt of the claims of which a version may come on some days."""
    first, last = (day_of(number).year for number in days_received(feed, days))
    return range(first, last + 1)


@dataclass(frozen=True)
class _Group:
    """Rows of `visits`, and the versions of their claims.

    Attributes:
        visits: the rows.
        row: position of the claim of each version.
        day: day of each version.
    """

    visits: pl.DataFrame
    row: Integers
    day: Integers

    @property
    def last_received(self) -> int:
        """The day of receipt of the last row."""
        return int(self.visits["received_date"].to_physical()[-1])

    def between(self, first: int, last: int) -> pl.DataFrame:
        """Return the visits whose claims have a version from `first` to `last`."""
        are_wanted = self._are_at(self.row[(self.day >= first) & (self.day <= last)])
        return self.visits.filter(pl.Series(are_wanted))  # to gather rows with lists takes four times as long

    def after(self, last: int) -> Self:
        """Return what is needed of the group after a day, copied as soon as less than half of it is."""
        is_later = self.day > last
        row, day = self.row[is_later], self.day[is_later]
        are_needed = self._are_at(row)
        if 2 * np.count_nonzero(are_needed) > self.visits.height:
            return type(self)(self.visits, row, day)
        return type(self)(self.visits.filter(pl.Series(are_needed)), np.cumsum(are_needed)[row] - 1, day)

    def _are_at(self, rows: Integers) -> NDArray[np.bool_]:
        """Return which visits are at some positions, which may repeat."""
        found = np.zeros(self.visits.height, dtype=np.bool_)
        found[rows] = True
        return found


def _groups(writer: LakeWriter, feed: Feed, days: Sequence[date]) -> Iterator[_Group]:
    """Return the visits that some days may need, and a few before them, group of rows by group of rows."""
    first, last = days_received(feed, days)
    for year in years_of_visits(feed, days):
        with _open_visits(writer, year) as visits:
            received = visits.select(pl.col("received_date").to_physical()).collect().to_series().to_numpy()
            begin, end = np.searchsorted(received, [first, last + 1])
            for row in range(begin - begin % ROW_GROUP, end, ROW_GROUP):
                group = visits.slice(row, min(ROW_GROUP, end - row)).collect()
                versions = versions_of(feed, group, [days[0], days[-1]])
                yield _Group(group, versions.claim, versions.day)


@contextmanager
def _open_visits(writer: LakeWriter, year: int) -> Iterator[pl.LazyFrame]:
    """Yield the visits of a year, all from one file: another process may replace it by a longer one meanwhile."""
    path = writer.file(VISITS, date(year, 1, 1))
    scan_partitions(VISITS, [path])  # says what is wrong with the file
    with path.open("rb") as file:
        yield pl.scan_parquet(file)
