"""The current state of a lake: the row of the latest day for each id."""

from collections.abc import Iterator

import polars as pl

from claims_pipeline import fhir
from claims_pipeline.lake import Lake
from claims_pipeline.schema import Table

DAYS_A_CHUNK = 16


def current_resources(lake: Lake, table: Table) -> Iterator[pl.DataFrame]:
    """Yield the current rows of a table as FHIR resources, in chunks, in the order of the lake.

    Raises:
        DataError: the lake lacks the table, or a row cannot be rendered.
    """
    for rows in _current_rows(lake, table):
        yield fhir.render(table, rows)


def _current_rows(lake: Lake, table: Table) -> Iterator[pl.DataFrame]:
    names = table.polars_schema.names()
    if not table.is_daily:
        yield lake.read(table)
        return
    is_last = lake.scan(table).select(pl.col(table.key[0]).hash()).collect().to_series().is_last_distinct()
    days, offset = lake.days(table), 0
    for start in range(0, len(days), DAYS_A_CHUNK):
        frame = lake.scan(table, days[start : start + DAYS_A_CHUNK]).select(names).collect()
        yield frame.filter(is_last.slice(offset, frame.height))
        offset += frame.height
