"""The resources that a lake becomes."""

from datetime import date

import polars as pl

from claims_pipeline import schema
from claims_pipeline.fhir import render
from claims_pipeline.lake import Lake


def resources(lake: Lake, table: schema.Table) -> pl.DataFrame:
    """Return all days of a table, rendered."""
    days: list[date | None] = [*lake.days(table)] if table.is_daily else [None]
    return pl.concat(render(table, lake.read(table, day)) for day in days)
