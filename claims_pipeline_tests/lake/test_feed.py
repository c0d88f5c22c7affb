from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest

from claims_pipeline.errors import ConfigError, DataError, FeedMismatch
from claims_pipeline.lake import Feed, first_day, read_feed, requested_feed, require_feed
from claims_pipeline.settings import load_settings

FEED = Feed(seed=1, patients=10, claims=100, start_date=date(2025, 1, 1), end_date=date(2025, 1, 31))


def test_a_lake_without_a_feed_is_bound_to_the_first_one(tmp_path: Path) -> None:
    assert read_feed(tmp_path) is None

    require_feed(tmp_path / "lake", FEED)

    assert read_feed(tmp_path / "lake") == FEED


def test_a_file_in_the_place_of_a_lake_has_no_feed(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("{}")

    assert read_feed(tmp_path / "one.json") is None


def test_another_feed_is_refused_with_all_differences(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED)
    other = FEED.model_copy(update={"seed": 2, "claims": 200})

    with pytest.raises(FeedMismatch) as caught:
        require_feed(tmp_path, other)

    assert "seed: the lake has 1, wanted 2" in caught.value.message
    assert "claims: the lake has 100, wanted 200" in caught.value.message
    assert read_feed(tmp_path) == FEED


def test_settings_that_were_not_given_are_the_lakes(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED)

    assert requested_feed(tmp_path, load_settings()) == FEED
    assert requested_feed(tmp_path, load_settings(seed=1, patients=10)) == FEED
    assert requested_feed(tmp_path, load_settings(end_date=FEED.end_date)) == FEED


def test_without_a_lake_the_feed_is_that_of_the_settings_and_nothing_is_written(tmp_path: Path) -> None:
    feed = requested_feed(tmp_path / "lake", load_settings(claims=50))

    assert (feed.claims, feed.patients, feed.seed) == (50, 12, 20250101)
    assert (feed.start_date, feed.end_date) == (date(2025, 1, 1), date(2025, 12, 31))
    assert list(tmp_path.iterdir()) == []


def test_settings_that_end_before_they_start_make_no_feed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="end 2024-12-31 lies before its start 2025-01-01"):
        requested_feed(tmp_path, load_settings(end_date=date(2024, 12, 31)))


def test_the_first_day_is_the_lakes_or_that_of_the_settings_without_a_lake(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    assert first_day(settings) == date(2025, 1, 1)

    require_feed(settings.lake_path, FEED.model_copy(update={"start_date": date(2024, 5, 1)}))

    assert first_day(settings) == date(2024, 5, 1)


def test_a_setting_that_was_given_must_agree_with_the_lake(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED)

    with pytest.raises(FeedMismatch, match="patients: the lake has 10, wanted 11"):
        requested_feed(tmp_path, load_settings(patients=11))


def test_of_two_feeds_at_once_one_gets_the_lake_and_the_other_is_refused(tmp_path: Path) -> None:
    feeds = [FEED.model_copy(update={"seed": seed}) for seed in range(8)]
    together = Barrier(len(feeds))

    def bind(feed: Feed) -> Feed | None:
        together.wait()
        try:
            require_feed(tmp_path / "lake", feed)
        except FeedMismatch:
            return None
        return feed

    with ThreadPoolExecutor(len(feeds)) as pool:
        accepted = [feed for feed in pool.map(bind, feeds) if feed]

    assert accepted == [read_feed(tmp_path / "lake")]


def test_a_lake_of_another_generator_is_not_said_to_need_other_settings(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED.model_copy(update={"version": 0}))

    with pytest.raises(FeedMismatch, match="version: the lake has 0") as caught:
        require_feed(tmp_path, FEED)

    assert "generate the lake again" in caught.value.fix


def test_a_lake_of_another_generator_is_refused_whatever_the_settings(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED.model_copy(update={"version": 0}))

    with pytest.raises(FeedMismatch, match="version: the lake has 0"):
        requested_feed(tmp_path, load_settings())


def test_a_damaged_feed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_text('{"seed": 1')

    with pytest.raises(DataError) as caught:
        read_feed(tmp_path)

    assert caught.value.where == str(tmp_path / "feed.json")
