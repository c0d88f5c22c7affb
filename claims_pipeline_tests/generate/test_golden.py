"""The rows of a small feed. They change only with GENERATOR_VERSION and a line in CHANGELOG.md."""

import hashlib
from datetime import date

import polars as pl
import pytest

from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.lake.feed import GENERATOR_VERSION
from claims_pipeline.schema import TABLES

FEED = Feed(seed=42, patients=600, claims=900, start_date=date(2025, 3, 1), end_date=date(2025, 4, 15))
GOLDEN_VERSION = 8
GOLDEN = {
    "payers": "2e17c9f60b760b20",
    "plans": "6e59c93700b5b72a",
    "organizations": "fab7d77abdc8ae6f",
    "locations": "138d5c0e4b1ff004",
    "practitioners": "d0d6d336b40f8dae",
    "enrollment": "6f8e1e8b77043224",
    "visits": "6a63f60343e6228b",
    "patients": "9a223f542f53d5b7",
    "coverages": "5fa7d6f98647ec2f",
    "claims": "4d00810b382a51e6",
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("golden") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date)
    return lake


@pytest.mark.parametrize("name", [name for name in TABLES if name != "irregularities"])  # a plain feed has none
def test_the_rows_of_the_golden_feed_are_those_of_its_version(lake: Lake, name: str) -> None:
    table = TABLES[name]
    if table.is_yearly:
        rows = lake.read(table, FEED.start_date)
    else:
        rows = lake.scan(table).collect() if table.is_daily else lake.read(table)
    assert (GENERATOR_VERSION, _digest(rows)) == (GOLDEN_VERSION, GOLDEN.get(name))


def _digest(rows: pl.DataFrame) -> str:
    """Return a digest that does not depend on the order of rows or on how Parquet stores them."""
    return hashlib.sha256("\n".join(sorted(map(repr, rows.iter_rows()))).encode()).hexdigest()[:16]
