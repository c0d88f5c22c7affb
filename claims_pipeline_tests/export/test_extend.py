"""A lake goes on after the last day of its feed."""

from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError
from claims_pipeline.export import extend, produce, statistics_path
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake, days_from
from claims_pipeline.schema import CLAIMS

FEED = Feed(seed=9, patients=20, claims=20, start_date=date(2025, 1, 2), end_date=date(2025, 1, 3))
LATER = date(2025, 1, 6)


def claims_of(lake: Lake) -> dict[date, bytes]:
    return {day: lake.path(CLAIMS, day).read_bytes() for day in lake.days(CLAIMS)}


def test_days_after_the_end_are_added_and_those_of_the_feed_left_alone(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    produce(FEED, lake.root)
    statistics, before = statistics_path(lake.root).read_bytes(), claims_of(lake)

    report = extend(FEED, lake.root, until=LATER)

    assert lake.days(CLAIMS) == days_from(FEED.start_date, LATER)
    assert (report.start, report.end) == (date(2025, 1, 4), LATER)
    assert {day: content for day, content in claims_of(lake).items() if day in before} == before
    assert statistics_path(lake.root).read_bytes() == statistics


def test_one_day_more_makes_that_day_only_and_the_same_again_changes_nothing(tmp_path: Path) -> None:
    extend(FEED, tmp_path / "lake", until=LATER)

    next_day, again = (extend(FEED, tmp_path / "lake", until=date(2025, 1, 7)) for _ in range(2))

    assert (next_day.start, next_day.end) == (date(2025, 1, 7), date(2025, 1, 7))
    assert again.files_written == 0


def test_without_a_lake_the_feed_is_made_too_and_has_the_bytes_of_a_range(tmp_path: Path) -> None:
    report = extend(FEED, tmp_path / "lake", until=LATER)
    other = Lake(tmp_path / "other")
    in_one = generate_range(other, FEED, start=FEED.start_date, end=LATER)

    assert claims_of(Lake(tmp_path / "lake")) == claims_of(other)
    assert (report.start, report.end) == (FEED.start_date, LATER)
    assert (report.new_claims, report.claim_versions) == (in_one.new_claims, in_one.claim_versions)
    assert statistics_path(tmp_path / "lake").exists()


@pytest.mark.parametrize(
    ("until", "said"),
    [(FEED.end_date, "is not after the feed's last day, 2025-01-03"), (date(9999, 1, 1), "lies after 2199-12-31")],
)
def test_a_day_that_does_not_go_on_is_refused_and_nothing_is_made(tmp_path: Path, until: date, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        extend(FEED, tmp_path / "lake", until=until)
    assert list(tmp_path.iterdir()) == []
