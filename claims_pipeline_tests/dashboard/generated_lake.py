"""A generated lake of two months, whose figures the tests count a second time by other means."""

from datetime import date

import polars as pl

from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import Table

START, END = date(2025, 1, 1), date(2025, 2, 28)
FEED = Feed(seed=9, patients=80, claims=900, start_date=START, end_date=END)


def latest(lake: Lake, table: Table) -> pl.DataFrame:
    """Return the rows of a daily table in their last version."""
    return lake.scan(table).sort("day").group_by(*table.key, maintain_order=True).last().collect()
