from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest

from claims_pipeline.errors import DataError, FeedMismatch
from claims_pipeline.lake import Feed, read_feed, require_feed, resolve_feed
from claims_pipeline.settings import load_settings

FEED = Feed(seed=1, patients=10, claims=100, start_date=date(2025, 1, 1), end_date=date(2025, 1, 31))


def test_a_lake_without_a_feed_is_bound_to_the_first_one(tmp_path: Path) -> None:
    assert read_feed(tmp_path) is None

    require_feed(tmp_path / "lake", FEED)

    assert read_feed(tmp_path / "lake") == FEED


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

    assert resolve_feed(tmp_path, load_settings()) == FEED
    assert resolve_feed(tmp_path, load_settings(seed=1, patients=10)) == FEED


def test_a_setting_that_was_given_must_agree_with_the_lake(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED)

    with pytest.raises(FeedMismatch, match="patients: the lake has 10, wanted 11"):
        resolve_feed(tmp_path, load_settings(patients=11))


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

    assert "make the lake anew" in caught.value.fix


def test_a_damaged_feed_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_text('{"seed": 1')

    with pytest.raises(DataError) as caught:
        read_feed(tmp_path)

    assert caught.value.where == str(tmp_path / "feed.json")
