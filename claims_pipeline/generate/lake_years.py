"""The years that days of a lake need: their visits, and the enrollment until their end."""

from collections.abc import Iterable, Iterator
from datetime import date

import polars as pl

from claims_pipeline.generate.calendar import claim_counts
from claims_pipeline.generate.enrollment import enrollment_frames
from claims_pipeline.generate.irregularities import plant
from claims_pipeline.generate.visits_of_days import years_of_visits
from claims_pipeline.generate.years import YEARS_BEFORE, frames_of_days, spans_of_year
from claims_pipeline.lake import ROW_GROUP, Feed, Lake, LakeWriter, scan_partitions
from claims_pipeline.schema import ENROLLMENT, IRREGULARITIES, VISITS


def missing_years(lake: Lake, feed: Feed, days: Iterable[date]) -> list[int]:
    """Return the years whose visits, or labels, some days need and the lake has not; a year needs those before it.

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
    path, spans = lake.path(VISITS, date(feed.end_date.year, 1, 1)), spans_of_year(feed, feed.end_date.year)
    if not path.exists():
        return False
    rows = scan_partitions(VISITS, [path]).select(pl.len()).collect().item()
    return bool(rows == claim_counts(feed, spans[0][0], spans[-1][1]).sum())


def add_visits(
    writer: LakeWriter, feed: Feed, years: Iterable[int], *, is_whole: bool, jobs: int = 2
) -> dict[int, int]:
    """Add the visits of some years, that of the feed's last day whole or until that day; return the rows by year."""
    rows: dict[int, int] = {}
    for year in sorted(set(years)):
        before = range(max(feed.start_date.year, year - YEARS_BEFORE), year)
        files = [writer.file(VISITS, date(earlier, 1, 1)) for earlier in before]
        earlier = [scan_partitions(VISITS, [file]).collect() for file in files]
        spans = spans_of_year(feed, year)
        labels = [IRREGULARITIES.polars_schema.to_frame()]
        parts: list[pl.DataFrame] = []
        for span in spans if is_whole else spans[:1]:
            frames = frames_of_days(feed, *span, [*earlier, *parts], jobs=jobs)
            if feed.irregularities or (is_whole and len(spans) > 1):
                visits, found = plant(feed, pl.concat(frames), [*earlier, *parts])
                labels.append(found)
                parts.append(visits)
        if parts:
            frames = _slices(pl.concat(parts))
        if feed.irregularities:
            writer.add(IRREGULARITIES, pl.concat(labels).sort(IRREGULARITIES.key), date(year, 1, 1))
        rows[year] = writer.add_frames(VISITS, frames, date(year, 1, 1))
    return rows


def _slices(visits: pl.DataFrame) -> Iterator[pl.DataFrame]:
    return visits.iter_slices(ROW_GROUP) if visits.height else iter([visits])


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
