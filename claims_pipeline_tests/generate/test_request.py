from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, FeedMismatch
from claims_pipeline.generate import requested_feed
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.settings import load_settings

TODAY = date(2026, 3, 10)


def test_without_options_a_feed_is_the_past_year_up_to_yesterday(tmp_path: Path) -> None:
    feed = requested_feed(load_settings(), tmp_path / "lake", today=TODAY)
    assert (feed.claims, feed.patients, feed.seed) == (10_000, 1_000, 20250101)
    assert (feed.start_date, feed.end_date) == (date(2025, 3, 10), date(2026, 3, 9))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2024, 1, 1), date(2024, 12, 30)),
        (date(2026, 1, 1), date(2026, 3, 9)),
        (date(2026, 3, 10), date(2026, 3, 10)),
        (date(2027, 1, 1), date(2027, 1, 1)),
    ],
)
def test_the_end_is_365_days_later_yesterday_at_the_latest_and_not_before_the_start(
    tmp_path: Path, start: date, end: date
) -> None:
    assert requested_feed(load_settings(start_date=start), tmp_path, today=TODAY).end_date == end


def test_a_leap_day_is_a_year_after_the_28th(tmp_path: Path) -> None:
    feed = requested_feed(load_settings(), tmp_path, today=date(2024, 2, 29))
    assert feed.start_date == date(2023, 2, 28)


def test_an_end_before_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lies before"):
        requested_feed(load_settings(end_date=date(2025, 1, 1)), tmp_path, today=TODAY)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"patients": 10**9}, "patients: at most 100,000,000"),
        ({"claims": 10**10}, "claims: at most 1,000,000,000"),
    ],
)
def test_what_no_feed_can_be_is_refused(tmp_path: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        requested_feed(load_settings(**given), tmp_path, today=TODAY)


def test_what_is_not_given_is_the_lakes(tmp_path: Path) -> None:
    feed = Feed(seed=4, patients=10, claims=50, start_date=date(2024, 5, 1), end_date=date(2024, 5, 31))
    require_feed(tmp_path, feed)
    assert requested_feed(load_settings(), tmp_path, today=TODAY) == feed
    assert requested_feed(load_settings(claims=50), tmp_path, today=TODAY) == feed
    with pytest.raises(FeedMismatch, match="claims: the lake has 50, wanted 51"):
        requested_feed(load_settings(claims=51), tmp_path, today=TODAY)


def test_a_lake_of_an_older_generator_is_refused(tmp_path: Path) -> None:
    require_feed(tmp_path, Feed(seed=4, patients=10, claims=50, start_date=TODAY, end_date=TODAY, version=0))
    with pytest.raises(FeedMismatch, match="version: the lake has 0"):
        requested_feed(load_settings(), tmp_path, today=TODAY)
