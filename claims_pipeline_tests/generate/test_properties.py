"""Promises that hold for any feed."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline import quality
from claims_pipeline.generate import generate_range
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT
from claims_pipeline.generate.schedule.lifecycle import LONGEST_CYCLE
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, DAILY

pytestmark = pytest.mark.heavy

QUICK = settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    """Draw small feeds, of 45 days at most."""
    start = date(draw(st.integers(2023, 2026)), 1, 1) + timedelta(days=draw(st.integers(0, 364)))
    days = draw(st.integers(1, 45))
    patients = draw(st.integers(1, 80))
    return Feed(
        seed=draw(st.integers(0, 2**63 - 1)),
        patients=patients,
        claims=draw(st.integers(1, min(200, patients * days))),
        start_date=start,
        end_date=start + timedelta(days=days - 1),
    )


OF_HISTORIES = [check.name for check in quality.CHECKS if check.find_in_lake]
MOST_CLAIMS_A_PERSON_AND_YEAR = 12


def faults(lake: Lake, feed: Feed) -> pl.DataFrame:
    """Return the findings, without those about histories where there are more claims than people can have."""
    years = ((feed.end_date - feed.start_date).days + 1) / 365
    is_dense = feed.claims > MOST_CLAIMS_A_PERSON_AND_YEAR * feed.patients * years
    return quality.findings(lake).filter(~pl.col("check").is_in(OF_HISTORIES) | (not is_dense))


def test_a_feed_of_the_default_density_has_no_faulty_row_or_history(tmp_path: Path) -> None:
    feed = Feed(seed=1, patients=400, claims=2_100, start_date=date(2024, 10, 1), end_date=date(2025, 12, 31))
    assert quality.findings(made(feed, str(tmp_path), jobs=2)).rows() == []


def made(feed: Feed, folder: str, *, start: date | None = None, end: date | None = None, jobs: int = 1) -> Lake:
    lake = Lake(Path(folder) / "lake")
    generate_range(lake, feed, start=start or feed.start_date, end=end or feed.end_date, jobs=jobs)
    return lake


@QUICK
@given(feeds())
def test_any_feed_has_exactly_its_claims_and_no_faulty_row(feed: Feed) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = made(feed, folder)
        assert lake.scan(CLAIMS).filter(pl.col("version_number") == 1).collect().height == feed.claims
        assert faults(lake, feed).rows() == []


@QUICK
@given(feeds(), st.data())
def test_any_day_alone_is_the_day_in_the_range(feed: Feed, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, (feed.end_date - feed.start_date).days))
    day = feed.start_date + timedelta(days=offset)
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as alone:
        ranged, single = made(feed, whole, jobs=2), made(feed, alone, start=day, end=day)
        assert [single.digest(table, day) for table in DAILY] == [ranged.digest(table, day) for table in DAILY]


def test_a_day_alone_whose_versions_go_back_to_within_the_feed_is_the_day_in_the_range(tmp_path: Path) -> None:
    start, last = date(2025, 3, 20), LONGEST_CYCLE + LONGEST_WAIT + 10
    feed = Feed(seed=9, patients=60, claims=400, start_date=start, end_date=start + timedelta(days=last))
    day = feed.end_date
    ranged, single = made(feed, str(tmp_path / "range")), made(feed, str(tmp_path / "day"), start=day, end=day)

    assert [single.digest(table, day) for table in DAILY] == [ranged.digest(table, day) for table in DAILY]


@pytest.mark.parametrize(
    ("patients", "claims", "start", "end"),
    [
        (1, 1, date(2025, 12, 31), date(2025, 12, 31)),
        (1, 100, date(2025, 10, 1), date(2025, 12, 31)),
        (500, 20, date(2025, 12, 1), date(2025, 12, 31)),
        (10, 5, date(2025, 10, 1), date(2025, 12, 31)),
        (30, 90, date(2024, 2, 29), date(2024, 2, 29)),
        (30, 90, date(2024, 2, 1), date(2024, 3, 1)),
        (30, 90, date(1900, 1, 1), date(1900, 1, 31)),
        (30, 90, date(2199, 12, 1), date(2199, 12, 31)),
    ],
    ids=[
        "one of each",
        "one patient",
        "more patients than claims",
        "fewer claims than days",
        "leap day",
        "over it",
        "earliest",
        "latest",
    ],
)
def test_edges_hold_exactly_the_claims_asked_for(
    tmp_path: Path, patients: int, claims: int, start: date, end: date
) -> None:
    feed = Feed(seed=3, patients=patients, claims=claims, start_date=start, end_date=end)
    lake = made(feed, str(tmp_path))
    assert lake.scan(CLAIMS).filter(pl.col("version_number") == 1).collect().height == claims
    assert lake.days(CLAIMS)[-1] == end
    assert faults(lake, feed).rows() == []
