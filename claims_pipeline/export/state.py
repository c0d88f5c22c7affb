"""The current state: of each id the row of the latest day."""

from collections.abc import Iterator

import polars as pl

from claims_pipeline import fhir
from claims_pipeline.lake import Lake
from claims_pipeline.schema import Table

ROWS_A_CHUNK = 50_000


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
    rows = lake.scan(table)
    is_last = rows.select(pl.col(table.key[0]).hash()).collect().to_series().is_last_distinct()
    offset, pending = 0, []
    for day in lake.days(table):
        frame = lake.read(table, day)
        pending.append(frame.filter(is_last.slice(offset, frame.height)).select(names))
        offset += frame.height
        if sum(part.height for part in pending) >= ROWS_A_CHUNK:
            yield pl.concat(pending)
            pending = []
    if pending:
        yield pl.concat(pending)
