"""Checks that schema.py implies: which columns must have a value, and which values they allow."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import FINDING, Chunk, found
from claims_pipeline.schema import (
    CLAIMS,
    COVERAGES,
    DIRECTORY,
    ENROLLMENT,
    IRREGULARITIES,
    PATIENTS,
    VISITS,
    Column,
    Table,
)

NOT_LOADED = (ENROLLMENT, VISITS, IRREGULARITIES)
"""Tables that no FHIR server gets; a lake need not have them."""


def values_valid(chunk: Chunk) -> pl.DataFrame:
    """Every column has a value unless its table allows none, and the value is one that the column allows."""
    daily = ((PATIENTS, chunk.patients), (COVERAGES, chunk.coverages), (CLAIMS, chunk.claims))
    directory = ((table, chunk.directory[table.name]) for table in DIRECTORY)
    return pl.concat(faulty_values("values_valid", table, rows) for table, rows in (*daily, *directory))


def values_of_population_valid(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """The population and the visits that claims are made of have all values, and only those that are allowed."""
    del days
    parts = [FINDING.to_frame()]
    for table in NOT_LOADED:
        start = 0
        for rows in lake.batches(table):
            parts.append(faulty_values("values_of_population_valid", table, rows, first_row=start + 1))
            start += rows.height
    return pl.concat(parts)


def faulty_values(check: str, table: Table, rows: pl.DataFrame, *, first_row: int = 1) -> pl.DataFrame:
    """Return the rows in which a column lacks a value that it must have, or has one that it does not allow.

    Args:
        check: name of the check in the findings.
        table: the table; its `Column`s say what is allowed.
        rows: some rows of it, those of a daily table with `day`.
        first_row: number of the first row, for findings about rows without an id.
    """
    numbers = pl.int_range(rows.height, eager=True)
    faults = [
        pl.DataFrame({"at": at.unique()}).with_columns(detail=pl.lit(fault))
        for column in table.columns
        for fault, at in _faults(column, rows[column.name], numbers, column.name)
    ]
    if not faults:
        return FINDING.to_frame()
    by_row = pl.concat(faults).sort("at", maintain_order=True)
    key = pl.concat_str([pl.col(name).cast(pl.String).replace("", None) for name in table.key], separator=" ")
    number = rows.select(number=pl.int_range(pl.len()).over("day") if table.is_daily else pl.int_range(pl.len()))
    named = rows.select(id=key, day="day" if table.is_daily else pl.lit(None, pl.Date))[by_row["at"]]
    found_rows = pl.concat([named, by_row, number[by_row["at"]]], how="horizontal")
    with_row = pl.format("{} (row {})", "detail", pl.col("number") + first_row)
    detail = pl.when(pl.col("id").is_null()).then(with_row).otherwise("detail")
    return found(check, table.name, found_rows, key="id", detail=detail)


def _faults(column: Column, values: pl.Series, at: pl.Series, name: str) -> Iterator[tuple[str, pl.Series]]:
    """Yield what is wrong with values of a column, and the numbers `at` of the rows in which it is."""
    is_missing = values.is_null()
    if is_missing.any():
        if not column.nullable:
            yield f"{name} has no value", at.filter(is_missing)
        values, at = values.filter(~is_missing), at.filter(~is_missing)
    if isinstance(column.dtype, pl.List):
        elements = pl.DataFrame({"at": at, "value": values}).explode("value", empty_as_null=False)
        of_elements = replace(column, dtype=elements.schema["value"], nullable=False)
        yield from _faults(of_elements, elements["value"], elements["at"], name)
    elif column.fields:
        for field in column.fields:
            yield from _faults(field, values.struct.field(field.name), at, f"{name}.{field.name}")
    else:
        if values.dtype == pl.String and (is_blank := values == "").any():
            yield f"{name} has no value", at.filter(is_blank)
            values, at = values.filter(~is_blank), at.filter(~is_blank)
        if column.values and (is_other := ~values.is_in(column.values)).any():
            yield f"{name} is none of {', '.join(column.values)}", at.filter(is_other)
        if column.least is not None and (is_less := values < column.least).any():
            yield f"{name} is less than {column.least}", at.filter(is_less)
