"""A month of the real feed."""

from datetime import date

import pytest

from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake

FEED = Feed(seed=3, patients=60, claims=150, start_date=date(2025, 1, 1), end_date=date(2025, 1, 31))


@pytest.fixture(scope="package")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    return lake
