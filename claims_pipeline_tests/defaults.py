"""Rows with only what matters to a test: the other columns have a value of their declared type."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from claims_pipeline import schema


def default(column: schema.Column) -> Any:
    """Return the value that a column has in tests that do not mention it: none if that may be, else a list is empty."""
    if column.nullable:
        return None
    if isinstance(column.dtype, pl.List):
        return []
    of_type: dict[Any, Any] = {
        pl.String(): "any",
        pl.Date(): date(2025, 1, 1),
        pl.Int32(): 1,
        pl.Boolean(): False,
        schema.USD: Decimal("1.00"),
    }
    return of_type[column.dtype]


def filled(columns: Sequence[schema.Column], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with a default for every column, or field of structs, that `values` does not name."""
    row = {column.name: values.get(column.name, default(column)) for column in columns}
    for column in columns:
        if column.fields and row[column.name] is not None:
            row[column.name] = [element and filled(column.fields, element) for element in row[column.name]]
    assert row.keys() >= values.keys(), f"not declared: {values.keys() - row.keys()}"
    return row


def frame(table: schema.Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame of the table's columns, with defaults for those that a row does not name."""
    return pl.DataFrame([filled(table.columns, row) for row in rows], schema=table.polars_schema, orient="row")
