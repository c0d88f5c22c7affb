"""Feeds whose range meets a year in an unusual way: years without claims, days before 1970."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.generate import generate_range
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, VISITS

pytestmark = pytest.mark.heavy

LAST_DAYS = timedelta(days=80)


def made(feed: Feed, folder: Path) -> Lake:
    """Return a lake with the last days of a feed and all its years of visits; each day has three files."""
    lake = Lake(folder / "lake")
    generate_range(lake, feed, start=max(feed.start_date, feed.end_date - LAST_DAYS), end=feed.end_date)
    return lake


@pytest.mark.parametrize(
    "feed",
    [
        Feed(seed=1, patients=50, claims=100, start_date=date(2023, 12, 31), end_date=date(2024, 2, 15)),
        Feed(seed=1, patients=5, claims=1, start_date=date(2022, 11, 1), end_date=date(2024, 3, 31)),
    ],
    ids=["a first year of one Sunday", "one claim in three years"],
)
def test_a_year_may_have_no_claim(feed: Feed, tmp_path: Path) -> None:
    lake = made(feed, tmp_path)

    assert lake.read(VISITS, feed.start_date).is_empty()
    assert lake.scan(CLAIMS).select(pl.col("claim_id").n_unique()).collect().item() == feed.claims
    assert quality.findings(lake).rows() == []


def test_a_feed_may_begin_before_1970(tmp_path: Path) -> None:
    feed = Feed(seed=1, patients=300, claims=600, start_date=date(1969, 11, 15), end_date=date(1970, 1, 31))
    lake = made(feed, tmp_path)
    replacements = lake.scan(CLAIMS).filter(pl.col("replaced_claim_id").is_not_null()).collect()

    assert lake.scan(CLAIMS).select(pl.col("claim_id").n_unique()).collect().item() == feed.claims
    assert replacements.filter(
        pl.col("received_date") >= date(1970, 1, 1), pl.col("replaced_claim_id") < "claim-1970"
    ).height


def test_the_claim_whose_counter_is_0_can_be_replaced() -> None:
    feed = Feed(seed=0, patients=500, claims=1_000, start_date=date(1970, 1, 1), end_date=date(1970, 2, 28))
    replaced = visits_of(feed, 1970).filter(pl.col("replaced_date") == date(1970, 1, 1))

    assert 0 in replaced["replaced_index"]
