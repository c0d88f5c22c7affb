"""The years that days of a lake need: their visits, and the enrollment until their end."""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from claims_pipeline.generate.irregularities.irregularities import plant
from claims_pipeline.generate.numbers.days import day_of
from claims_pipeline.generate.people.enrollment import enrollment_frames
from claims_pipeline.generate.schedule.calendar import claim_counts
from claims_pipeline.generate.visits_of_days import years_of_visits
from claims_pipeline.generate.years.years import YEARS_BEFORE, frames_of_days, spans_of_year
from claims_pipeline.lake import ROW_GROUP, Feed, Lake, LakeWriter, scan_partitions
from claims_pipeline.schema import ENROLLMENT, IRREGULARITIES, VISITS, Table


def missing_years(lake: Lake, feed: Feed, days: Iterable[date]) -> list[int]:
    """Return the years whose visits, or labels, some days need and the lake has not, or has in part.

    A year needs those before it. Of the year of the feed's last day the lake may have the days until then.

    Raises:
        ConfigError: a day lies before the feed's first day.
    """
    wanted = set(days)
    last = max((years_of_visits(feed, [day])[-1] for day in wanted), default=feed.start_date.year - 1)
    years = range(feed.start_date.year, last + 1)
    made = (VISITS, IRREGULARITIES) if feed.irregularities else (VISITS,)
    missing = [year for year in years if not all(lake.path(table, date(year, 1, 1)).exists() for table in made)]
    ends_early = feed.end_date.year not in missing and max(wanted, default=feed.end_date) > feed.end_date
    if ends_early and not _has_whole_year(lake, feed):
        missing = sorted([*missing, feed.end_date.year])
    return missing


def goes_on(lake: Lake, feed: Feed, last: date) -> bool:
    """Return whether the visits of the year go on after the feed's last day: a day needs it, or the lake has them."""
    return last > feed.end_date or _has_whole_year(lake, feed)


def _has_whole_year(lake: Lake, feed: Feed) -> bool:
    """Return whether the lake has the visits of the whole year of the feed's last day."""
    spans = spans_of_year(feed, feed.end_date.year)
    return _has_visits(lake.writer(), feed, (spans[0][0], spans[-1][1]))


def _has_visits(writer: LakeWriter, feed: Feed, span: tuple[int, int]) -> bool:
    """Return whether the lake has the visits, and the labels, of exactly the days of a span of one year."""
    january = date(day_of(span[0]).year, 1, 1)
    made = (VISITS, IRREGULARITIES) if feed.irregularities else (VISITS,)
    if not all(writer.file(table, january).exists() for table in made):
        return False
    rows = scan_partitions(VISITS, [writer.file(VISITS, january)]).select(pl.len()).collect().item()
    return bool(rows == claim_counts(feed, *span).sum())


def add_visits(
    writer: LakeWriter, feed: Feed, years: Iterable[int], *, is_whole: bool, jobs: int = 2
) -> dict[int, int]:
    """Add the visits of some years, that of the feed's last day whole or until that day; return the rows by year."""
    rows: dict[int, int] = {}
    for year in sorted(set(years)):
        january, spans = date(year, 1, 1), spans_of_year(feed, year)
        before = range(max(feed.start_date.year, year - YEARS_BEFORE), year)
        earlier = [_read(writer, VISITS, date(one, 1, 1)) for one in before]
        if feed.irregularities or (is_whole and len(spans) > 1):
            visits = _in_parts(writer, feed, spans if is_whole else spans[:1], earlier, jobs=jobs)
            frames = visits.iter_slices(ROW_GROUP) if visits.height else iter([visits])
        else:
            frames = frames_of_days(feed, *spans[0], earlier, jobs=jobs)
        rows[year] = writer.add_frames(VISITS, frames, january)
    return rows


def _in_parts(
    writer: LakeWriter, feed: Feed, spans: Sequence[tuple[int, int]], earlier: Sequence[pl.DataFrame], *, jobs: int
) -> pl.DataFrame:
    """Return the visits of a year's spans with what is planted in them, and add the labels.

    The first part is not drawn again if the lake has it.
    """
    january = date(day_of(spans[0][0]).year, 1, 1)
    labels = [IRREGULARITIES.polars_schema.to_frame()]
    parts: list[pl.DataFrame] = []
    for span in spans:
        if span is not spans[-1] and _has_visits(writer, feed, span):
            parts.append(_read(writer, VISITS, january))
            labels += [_read(writer, IRREGULARITIES, january)] if feed.irregularities else []
            continue
        drawn = pl.concat(frames_of_days(feed, *span, [*earlier, *parts], jobs=jobs)).cast(VISITS.polars_schema)
        visits, found = plant(feed, drawn, [*earlier, *parts])
        parts.append(visits)
        labels.append(found)
    if feed.irregularities:
        writer.add(IRREGULARITIES, pl.concat(labels).sort(IRREGULARITIES.key), january)
    return pl.concat(parts)


def _read(writer: LakeWriter, table: Table, day: date) -> pl.DataFrame:
    return scan_partitions(table, [writer.file(table, day)]).collect()


def enrolled_until(lake: Lake) -> int:
    """Return the last year that a lake's enrollment reaches, 0 if there is none.

    The first person is a member for ever.
    """
    path = lake.path(ENROLLMENT)
    if not path.exists():
        return 0
    spans_of_first = scan_partitions(ENROLLMENT, [path]).select("spans").head(1).explode("spans").unnest("spans")
    return int(spans_of_first.select(pl.col("coverage_end_date").dt.year().max()).collect().item())


def last_year_of_enrollment(lake: Lake, feed: Feed, years: Iterable[int] = ()) -> int:
    """Return the last year that the enrollment must reach, if visits of some years are added.

    Days go on after the feed's last one: it is the year after that day, or the last one that the lake has visits of.
    """
    last_year = feed.end_date.year + 1
    while lake.path(VISITS, date(last_year + 1, 1, 1)).exists():  # a year is written with all those before it
        last_year += 1
    return max([last_year, *years])


def extend_enrollment(writer: LakeWriter, lake: Lake, feed: Feed, years: Iterable[int]) -> None:
    """Write the enrollment anew if it does not reach the years of visits that the lake has or gets.

    The file says how far it reaches: another process may have replaced it meanwhile by one that ends earlier.
    """
    last_year = last_year_of_enrollment(lake, feed, years)
    if 0 < enrolled_until(lake) < last_year:
        writer.add_frames(ENROLLMENT, enrollment_frames(feed, last_year))
