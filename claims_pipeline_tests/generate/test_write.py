"""The promises of the feed: exact totals, closed partitions, the same bytes in any order and by any way."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.errors import ConfigError, FeedMismatch
from claims_pipeline.generate import (
    enrolled_until,
    generate_range,
    visits_of_days,
    write,
    write_claims,
    write_coverages,
    write_directory,
    write_enrollment,
    write_patients,
    write_visits,
)
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, COVERAGES, DAILY, DIRECTORY, ENROLLMENT, PATIENTS, VISITS

FEED = Feed(seed=7, patients=60, claims=500, start_date=date(2024, 11, 2), end_date=date(2024, 12, 31))
DAYS = [FEED.start_date + timedelta(days=offset) for offset in range(60)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("feed") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    return lake


def digests(lake: Lake) -> dict[str, str]:
    return (
        {f"{table.name}/{day}": lake.digest(table, day) for table in DAILY for day in lake.days(table)}
        | {table.name: lake.digest(table) for table in (*DIRECTORY, ENROLLMENT)}
        | {VISITS.name: lake.digest(VISITS, FEED.start_date)}
    )


@pytest.mark.heavy
def test_the_range_holds_exactly_the_claims_asked_for(lake: Lake) -> None:
    claims = lake.scan(CLAIMS).collect()
    assert claims["claim_id"].n_unique() == FEED.claims
    assert claims.filter(pl.col("version_number") == 1).height == FEED.claims


@pytest.mark.heavy
def test_every_partition_is_closed_under_references(lake: Lake) -> None:
    directory = {table.name: lake.read(table) for table in DIRECTORY}
    for day in DAYS:
        claims, patients, coverages = (lake.read(table, day) for table in (CLAIMS, PATIENTS, COVERAGES))
        assert set(claims["patient_id"]) | set(coverages["subscriber_id"]) == set(patients["patient_id"])
        first = coverages.filter(pl.col("coverage_order") == 1)
        assert set(claims["coverage_id"]) == set(first["coverage_id"])
        assert set(coverages["patient_id"]) == set(claims["patient_id"])
        assert set(claims["practitioner_id"]) <= set(directory["practitioners"]["practitioner_id"])
        assert set(claims["location_id"]) <= set(directory["locations"]["location_id"])
        assert set(claims["organization_id"]) <= set(directory["organizations"]["organization_id"])
        assert set(coverages["plan_id"]) <= set(directory["plans"]["plan_id"])
        assert set(claims["payer_id"]) <= set(directory["payers"]["payer_id"])


@pytest.mark.heavy
def test_a_day_alone_has_the_bytes_it_has_in_the_range(lake: Lake, tmp_path: Path) -> None:
    alone = Lake(tmp_path / "alone")
    for day in reversed(DAYS[-5:]):
        generate_range(alone, FEED, start=day, end=day)
    assert digests(alone).items() <= digests(lake).items()


@pytest.mark.heavy
def test_a_range_has_its_first_and_its_last_day_and_no_other(tmp_path: Path) -> None:
    part = Lake(tmp_path / "lake")
    done: list[tuple[int, int]] = []
    report = generate_range(part, FEED, start=DAYS[10], end=DAYS[12], on_progress=lambda *days: done.append(days))

    assert [part.days(table) for table in DAILY] == [DAYS[10:13]] * 3
    claims = part.scan(CLAIMS).collect()
    assert report.new_claims == (claims["version_number"] == 1).sum()
    assert (report.start, report.end, report.claim_versions) == (DAYS[10], DAYS[12], claims.height)
    assert done[-1] == (3, 3)


@pytest.mark.heavy
def test_days_with_gaps_between_them_have_the_bytes_of_the_range(lake: Lake, tmp_path: Path) -> None:
    some, days = Lake(tmp_path / "lake"), [DAYS[number] for number in (40, 2, 3, 7, 59)]
    rows = [write(some, FEED, days) for write in (write_patients, write_coverages, write_claims)]

    for table, counts in zip(DAILY, rows, strict=True):
        assert some.days(table) == sorted(days)
        assert {day: some.digest(table, day) for day in days} == {day: lake.digest(table, day) for day in days}
        assert counts == {day: some.read(table, day).height for day in days}


@pytest.mark.heavy
def test_table_by_table_gives_the_bytes_of_the_range(lake: Lake, tmp_path: Path) -> None:
    stepwise = Lake(tmp_path / "stepwise")
    write_directory(stepwise, FEED)
    assert write_enrollment(stepwise, FEED) == FEED.patients
    visits = write_visits(stepwise, FEED, [2024])
    rows = write_patients(stepwise, FEED, DAYS)
    write_coverages(stepwise, FEED, DAYS)
    write_claims(stepwise, FEED, DAYS)
    assert digests(stepwise) == digests(lake)
    assert rows == {day: lake.read(PATIENTS, day).height for day in DAYS}
    assert visits == {2024: lake.read(VISITS, FEED.start_date).height}


@pytest.mark.heavy
def test_days_years_after_the_feed_extend_the_enrollment(tmp_path: Path) -> None:
    """So that the members of those days, and whose policy covers them, are known as in the feed's own years."""
    sparse = FEED.model_copy(update={"claims": 10})
    later, at_once = Lake(tmp_path / "later"), Lake(tmp_path / "at-once")
    write_enrollment(later, sparse)
    write_patients(later, sparse, [date(2025, 3, 1)])
    assert enrolled_until(later) == 2025
    before = later.read(ENROLLMENT).explode("spans").unnest("spans", separator="_")
    shorter = later.path(ENROLLMENT).read_bytes()

    write_patients(later, sparse, [date(2026, 3, 1)])
    generate_range(at_once, sparse, start=date(2026, 3, 1), end=date(2026, 3, 2))
    generate_range(at_once, sparse, start=FEED.end_date, end=FEED.end_date)

    assert later.digest(ENROLLMENT) == at_once.digest(ENROLLMENT)
    spans = later.read(ENROLLMENT).explode("spans").unnest("spans", separator="_")
    assert spans["spans_coverage_end_date"].max() == date(2026, 12, 31)
    of_spans = pl.col("^(patient_id|spans_.*)$")
    known = spans.filter(pl.col("spans_coverage_start_date").dt.year() <= 2025)
    assert known.select(of_spans).equals(before.select(of_spans))

    later.path(ENROLLMENT).write_bytes(shorter)  # as by a process that began before the lake had that year
    write_patients(later, sparse, [date(2026, 3, 2)])
    assert enrolled_until(later) == 2026


@pytest.mark.heavy
def test_two_jobs_give_the_bytes_of_one(lake: Lake, tmp_path: Path) -> None:
    parallel = Lake(tmp_path / "parallel")
    generate_range(parallel, FEED, start=FEED.start_date, end=FEED.end_date, jobs=2)
    assert digests(parallel) == digests(lake)


@pytest.mark.heavy
def test_chunks_of_any_size_give_the_same_bytes(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "CLAIMS_A_CHUNK", FEED.claims // 20)
    monkeypatch.setattr(visits_of_days, "ROW_GROUP", FEED.claims // 30)  # so that visits are read in many groups
    small = Lake(tmp_path / "small")
    generate_range(small, FEED, start=FEED.start_date, end=FEED.end_date, jobs=2)
    assert digests(small) == digests(lake)


@pytest.mark.heavy
def test_making_a_range_again_rewrites_nothing(lake: Lake) -> None:
    report = generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    assert (report.files_written, report.files_unchanged) == (0, 3 * 60 + 6)


@pytest.mark.heavy
def test_the_years_of_visits_that_days_need_are_made_with_them(lake: Lake, tmp_path: Path) -> None:
    some = Lake(tmp_path / "lake")
    write_patients(some, FEED, [date(2025, 1, 20)])
    assert sorted(path.parent.name for path in (some.root / "visits").rglob("*.parquet")) == ["year=2024", "year=2025"]
    assert some.digest(VISITS, FEED.start_date) == lake.digest(VISITS, FEED.start_date)


@pytest.mark.heavy
def test_visits_that_the_lake_has_are_read_and_not_made_again(tmp_path: Path) -> None:
    some = Lake(tmp_path / "lake")
    write_patients(some, FEED, DAYS[:1])
    made = some.path(VISITS, DAYS[0]).stat().st_mtime_ns
    write_patients(some, FEED, DAYS[1:2])
    assert some.path(VISITS, DAYS[0]).stat().st_mtime_ns == made


@pytest.mark.heavy
def test_days_after_the_end_go_on(tmp_path: Path) -> None:
    later = Lake(tmp_path / "later")
    day = FEED.end_date + timedelta(days=30)
    report = generate_range(later, FEED, start=day, end=day)
    assert report.new_claims > 0


@pytest.mark.parametrize("irregularities", [0.0, 0.1])
@pytest.mark.heavy
def test_days_after_the_end_extend_its_year_and_change_no_day_before(tmp_path: Path, irregularities: float) -> None:
    start, end = date(2024, 11, 4), date(2024, 11, 12)
    feed = Feed(seed=7, patients=60, claims=200, start_date=start, end_date=end, irregularities=irregularities)
    later, last = end + timedelta(days=1), end + timedelta(days=4)
    lake, at_once = Lake(tmp_path / "lake"), Lake(tmp_path / "at once")
    generate_range(lake, feed, start=start, end=end)
    until_end, before = lake.read(VISITS, start), digests(lake)
    generate_range(lake, feed, start=later, end=last)
    generate_range(at_once, feed, start=start, end=last)

    assert until_end["received_date"].max() <= end  # type: ignore[operator]
    assert_frame_equal(lake.read(VISITS, start).head(until_end.height), until_end)
    assert digests(lake) == digests(at_once)
    assert before.items() - digests(lake).items() == {(VISITS.name, before[VISITS.name])}
    assert generate_range(lake, feed, start=start, end=end).files_written == 0


def test_a_feed_of_two_days_draws_no_claims_but_its_own() -> None:
    feed = Feed(seed=7, patients=60, claims=120, start_date=date(2025, 3, 3), end_date=date(2025, 3, 4))

    assert visits_of(feed, 2025).height == feed.claims


def test_a_lake_of_another_feed_is_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    write_directory(lake, FEED)
    with pytest.raises(FeedMismatch, match="seed"):
        write_directory(lake, FEED.model_copy(update={"seed": 8}))


def test_a_day_before_the_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="begins on"):
        write_patients(Lake(tmp_path / "lake"), FEED, [date(2024, 1, 31)])
