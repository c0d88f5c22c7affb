"""Writing the feed into a lake, table by table or all of a range at once; memory stays flat as the range grows."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial

import polars as pl

from claims_pipeline.generate.claims.plan import Plan, plan_of
from claims_pipeline.generate.directory import directory
from claims_pipeline.generate.lake_years import (
    add_visits,
    extend_enrollment,
    goes_on,
    last_year_of_enrollment,
    missing_years,
)
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.once import forget_large
from claims_pipeline.generate.numbers.parts import in_order
from claims_pipeline.generate.people.enrollment import enrollment_frames
from claims_pipeline.generate.people.people_file import has_people_file, keep, use_people_file
from claims_pipeline.generate.people.population import arrays_of
from claims_pipeline.generate.report import GenerateReport
from claims_pipeline.generate.schedule.calendar import SHARES, claim_counts, story_shares
from claims_pipeline.generate.tables import claims_of, coverages_of, patients_of
from claims_pipeline.generate.visits_of_days import visits_of_chunks
from claims_pipeline.lake import Feed, Lake, LakeWriter, require_feed
from claims_pipeline.schema import CLAIMS, COVERAGES, DIRECTORY, ENROLLMENT, PATIENTS, Table

CLAIMS_A_CHUNK = 100_000
"""About this many claims are in memory at a time for each job."""
DAYS_A_CHUNK = 92

OnDays = Callable[[int, int], None]
"""Called with the days done and all days."""
OnTables = Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame], None]
"""Called with patients, coverages and claims of some days, with their `day`; several threads may call at a time."""


def write_directory(lake: Lake, feed: Feed) -> Mapping[str, int]:
    """Write payers, plans, organizations, locations and practitioners; return the rows of each table."""
    _bind(lake, feed)
    tables = directory(feed)
    with lake.writer() as writer:
        for table in DIRECTORY:
            writer.add(table, tables[table.name])
    return {name: frame.height for name, frame in tables.items()}


def write_enrollment(lake: Lake, feed: Feed) -> int:
    """Write the enrollment table; return its rows."""
    _bind(lake, feed)
    with lake.writer() as writer:
        writer.add_frames(ENROLLMENT, enrollment_frames(feed, last_year_of_enrollment(lake, feed)))
    return feed.patients


def write_visits(lake: Lake, feed: Feed, years: Iterable[int], until: date | None = None) -> Mapping[int, int]:
    """Write `visits` of the given years, and of those before them that the lake lacks; return the rows by year.

    A year that the enrollment does not reach extends it. The year of the feed's last day ends with it, unless the lake
    has the whole year, or `until` or one of the years lies behind it.

    Args:
        lake: where to write.
        feed: what to write.
        years: years of receipt.
        until: a day that the visits must reach.
    """
    _bind(lake, feed)
    wanted = set(years)
    wanted |= set(missing_years(lake, feed, [date(year - 1, 12, 31) for year in wanted if year > feed.start_date.year]))
    with lake.writer() as writer:
        last = max([until or feed.end_date, *(date(year, 1, 1) for year in wanted)])
        rows = add_visits(writer, feed, wanted, is_whole=goes_on(lake, feed, last))
        extend_enrollment(writer, lake, feed, wanted)
    _keep_people(lake, feed)
    return rows


def write_patients(lake: Lake, feed: Feed, days: Iterable[date]) -> Mapping[date, int]:
    """Write `patients` of the given days from the lake's visits, made where they are missing; return rows by day."""
    return _write_days(lake, feed, days, PATIENTS, lambda plan, _: patients_of(plan))


def write_coverages(lake: Lake, feed: Feed, days: Iterable[date]) -> Mapping[date, int]:
    """Write `coverages` of the given days from the lake's visits and patients; return the rows of each day.

    Raises:
        DataError: the lake has no patients of one of the days.
    """
    return _write_days(
        lake, feed, days, COVERAGES, lambda plan, chunk: coverages_of(plan, _stored(lake, PATIENTS, chunk))
    )


def write_claims(lake: Lake, feed: Feed, days: Iterable[date]) -> Mapping[date, int]:
    """Write `claims` of the given days from the lake's visits, patients and coverages; return the rows by day.

    Raises:
        DataError: the lake has no patients or coverages of one of the days.
    """
    return _write_days(
        lake,
        feed,
        days,
        CLAIMS,
        lambda plan, chunk: claims_of(plan, _stored(lake, PATIENTS, chunk), _stored(lake, COVERAGES, chunk)),
    )


def generate_range(
    lake: Lake,
    feed: Feed,
    *,
    start: date,
    end: date,
    jobs: int = 1,
    on_progress: OnDays | None = None,
    on_tables: OnTables | None = None,
) -> GenerateReport:
    """Write the directory, the enrollment and the daily tables of `start`..`end`.

    All files are complete before the first can be seen; an error before leaves the lake as it was (`LakeWriter`).

    Args:
        lake: where to write.
        feed: what to write; the lake must belong to it or to none.
        start: first day.
        end: last day, included.
        jobs: chunks of days, or parts of a year's visits, that are worked on at the same time (threads).
        on_progress: called after each chunk.
        on_tables: called with the tables of each chunk.

    Raises:
        FeedMismatch: the lake belongs to another feed.
    """
    began = time.perf_counter()
    _bind(lake, feed)
    days = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
    with lake.writer() as writer, ThreadPoolExecutor(jobs) as pool:
        for table in DIRECTORY:
            writer.add(table, directory(feed)[table.name])
        missing = missing_years(lake, feed, days)
        members = enrollment_frames(feed, last_year_of_enrollment(lake, feed, missing))
        enrolled = pool.submit(writer.add_frames, ENROLLMENT, members)  # while parts of the years need one core only
        add_visits(writer, feed, missing, is_whole=goes_on(lake, feed, end), jobs=jobs)
        forget_large()
        rows: Counter[str] = Counter()
        done = 0
        add_chunk = partial(_add_chunk, writer, feed, on_tables=on_tables)
        chunks = list(_chunks(feed, days))
        work = zip(chunks, visits_of_chunks(writer, feed, chunks), strict=True)
        for chunk, counts in zip(chunks, in_order(pool, add_chunk, work, jobs), strict=True):
            rows.update(counts)
            done += len(chunk)
            if on_progress:
                on_progress(done, len(days))
        enrolled.result()
    _keep_people(lake, feed)
    return GenerateReport(
        feed=feed,
        output=str(lake.root),
        start=start,
        end=end,
        new_claims=int(claim_counts(feed, day_number(start), day_number(end)).sum()),
        claim_versions=rows["claims"],
        patients=rows["patients"],
        coverages=rows["coverages"],
        files_written=writer.written,
        files_unchanged=writer.unchanged,
        seconds=time.perf_counter() - began,
    )


def _add_chunk(
    writer: LakeWriter, feed: Feed, work: tuple[Sequence[date], pl.DataFrame], *, on_tables: OnTables | None
) -> dict[str, int]:
    """Add the daily tables of a chunk of days, given its visits; return the rows by table."""
    chunk, visits = work
    plan = plan_of(feed, chunk, visits)
    patients = patients_of(plan)
    coverages = coverages_of(plan, patients)
    claims = claims_of(plan, patients, coverages)
    if on_tables:
        on_tables(patients, coverages, claims)
    tables = ((PATIENTS, patients), (COVERAGES, coverages), (CLAIMS, claims))
    return {table.name: sum(writer.add_days(table, frame, chunk).values()) for table, frame in tables}


def _write_days(
    lake: Lake, feed: Feed, days: Iterable[date], table: Table, rows_of: Callable[[Plan, Sequence[date]], pl.DataFrame]
) -> Mapping[date, int]:
    _bind(lake, feed)
    rows: dict[date, int] = {}
    ordered = sorted(set(days))
    with lake.writer() as writer:
        missing = missing_years(lake, feed, ordered)
        add_visits(writer, feed, missing, is_whole=goes_on(lake, feed, max([feed.end_date, *ordered])))
        extend_enrollment(writer, lake, feed, missing)
        for chunk in _chunks(feed, ordered):
            (visits,) = visits_of_chunks(writer, feed, [chunk])
            plan = plan_of(feed, chunk, visits)
            rows |= writer.add_days(table, rows_of(plan, chunk), chunk)
    _keep_people(lake, feed)
    return rows


def _stored(lake: Lake, table: Table, days: Sequence[date]) -> pl.DataFrame:
    return lake.scan(table, days).collect()


def _bind(lake: Lake, feed: Feed) -> None:
    """Bind the lake to the feed, and use what it keeps of the feed's people."""
    require_feed(lake.root, feed)
    use_people_file(lake.root, feed)


def _keep_people(lake: Lake, feed: Feed) -> None:
    """Write what a day must know of all people, so that the next one need not draw them."""
    if not has_people_file(lake.root):
        keep(lake.root, feed, {**arrays_of(feed), SHARES: story_shares(feed)})


def _chunks(feed: Feed, days: Sequence[date]) -> Iterator[Sequence[date]]:
    """Split days into runs of consecutive ones with about CLAIMS_A_CHUNK claims each."""
    length = (feed.end_date - feed.start_date).days + 1
    size = max(1, min(DAYS_A_CHUNK, CLAIMS_A_CHUNK * length // feed.claims))
    chunk: list[date] = []
    for day in days:
        if chunk and (len(chunk) == size or day != chunk[-1] + timedelta(days=1)):
            yield chunk
            chunk = []
        chunk.append(day)
    if chunk:
        yield chunk
