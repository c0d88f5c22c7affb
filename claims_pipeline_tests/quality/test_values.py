"""Each column of each table: a value that is missing, or that the column does not allow, is found."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.quality.values import faulty_values
from claims_pipeline.schema import CLAIMS, TABLES, Column, Table
from claims_pipeline_tests.defaults import frame

DAY = date(2025, 3, 12)
ROW = 1
"""The row in which a fault is planted, from 0."""


def rows_of(table: Table) -> pl.DataFrame:
    """Return three rows of a table with every value, each list with one element."""
    rows = frame(table, [{name: f"{name}-{number}" for name in table.key if name.endswith("_id")} for number in "abc"])
    rows = rows.with_columns(
        pl.lit(_value_of(column), dtype=column.dtype).alias(column.name)
        for column in table.columns
        if column.name not in table.key or not column.name.endswith("_id")
    )
    return rows.with_columns(day=pl.lit(DAY)) if table.is_daily else rows


def _value_of(column: Column, dtype: pl.DataType | None = None) -> Any:
    dtype = dtype or column.dtype
    if isinstance(dtype, pl.List):
        return [_value_of(column, dtype.inner)]  # type: ignore[arg-type]
    if column.fields:
        return {field.name: _value_of(field) for field in column.fields}
    if dtype == pl.String:
        return column.values[0] if column.values else "x"
    return {pl.Date(): DAY, pl.Boolean(): True}.get(dtype, 1)


Place = tuple[Column, ...]
"""A column, and the fields in it that lead to a value."""


def places(columns: tuple[Column, ...], above: Place = ()) -> Iterator[Place]:
    for column in columns:
        yield (*above, column)
        yield from places(column.fields, (*above, column))


def with_value(rows: pl.DataFrame, place: Place, value: Any) -> pl.DataFrame:
    """Return the rows with another value in one row, in the list element if there is one."""
    column, *fields = place
    values = rows[column.name].to_list()
    values[ROW] = _replaced(values[ROW], [field.name for field in fields], value)
    return rows.with_columns(pl.Series(column.name, values, dtype=column.dtype))


def _replaced(before: Any, names: list[str], value: Any) -> Any:
    if not names:
        return value
    if isinstance(before, list):
        return [_replaced(before[0], names, value)]
    return before | {names[0]: _replaced(before[names[0]], names[1:], value)}


ALL = [(table, place) for table in TABLES.values() for place in places(table.columns)]
LISTS = [(table, place) for table, place in ALL if isinstance(place[-1].dtype, pl.List)]
TEXTS = [(table, place) for table, place in ALL if place[-1].dtype == pl.String]
WITH_VALUES = [(table, place) for table, place in ALL if place[-1].values]
WITH_LEAST = [(table, place) for table, place in ALL if place[-1].least is not None]


def name_of(table: Table, place: Place) -> str:
    return f"{table.name}.{path(place)}"


def path(place: Place) -> str:
    return ".".join(column.name for column in place)


def each(cases: list[tuple[Table, Place]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("table", "place"), cases, ids=[name_of(*case) for case in cases])


def details(table: Table, rows: pl.DataFrame) -> list[str]:
    """Return what is found, which must be about the row with the fault."""
    found = faulty_values("values_valid", table, rows)
    key = [rows[name][ROW] for name in table.key]
    expected_id = None if None in key or "" in key else " ".join(map(str, key))
    assert set(found["id"]) <= {expected_id}
    assert set(found["day"]) <= {DAY if table.is_daily else None}
    return [detail.removesuffix(f" (row {ROW + 1})") for detail in found["detail"]]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_rows_with_every_value_have_no_finding(table: Table) -> None:
    assert details(table, rows_of(table)) == []


@each(ALL)
def test_a_null_is_found_where_the_column_must_have_a_value(table: Table, place: Place) -> None:
    expected = [] if place[-1].nullable else [f"{path(place)} has no value"]
    assert details(table, with_value(rows_of(table), place, None)) == expected


@each(LISTS)
def test_a_null_in_a_list_is_found(table: Table, place: Place) -> None:
    assert details(table, with_value(rows_of(table), place, [None])) == [f"{path(place)} has no value"]


@each(TEXTS)
def test_an_empty_text_is_no_value(table: Table, place: Place) -> None:
    assert details(table, with_value(rows_of(table), place, "")) == [f"{path(place)} has no value"]


@each(WITH_VALUES)
def test_a_value_that_is_not_listed_is_found(table: Table, place: Place) -> None:
    expected = f"{path(place)} is none of {', '.join(place[-1].values)}"
    assert details(table, with_value(rows_of(table), place, "other")) == [expected]


@each(WITH_LEAST)
def test_a_number_below_the_least_is_found(table: Table, place: Place) -> None:
    least = place[-1].least
    assert least is not None
    below: Any = [least - 1] if isinstance(place[-1].dtype, pl.List) else least - 1
    assert details(table, with_value(rows_of(table), place, below)) == [f"{path(place)} is less than {least}"]


def test_a_fault_in_every_row_is_found_in_each() -> None:
    rows = rows_of(CLAIMS).with_columns(
        version_number=pl.lit(-1, dtype=pl.Int32), lines=pl.lit(None, dtype=CLAIMS.polars_schema["lines"])
    )
    found = faulty_values("values_valid", CLAIMS, rows).group_by("detail").len().sort("detail")
    assert found.rows() == [("lines has no value", 3), ("version_number is less than 1", 3)]


def test_a_row_without_an_id_is_named_by_its_number_within_the_day() -> None:
    days = [rows_of(CLAIMS).with_columns(day=day) for day in (pl.lit(date(2025, 3, 11)), pl.lit(DAY))]
    rows = pl.concat([days[0], with_value(days[1], (CLAIMS.columns[0],), None)])
    found = faulty_values("values_valid", CLAIMS, rows)
    assert found.select("day", "id", "detail").rows() == [(DAY, None, "claim_id has no value (row 2)")]


@pytest.mark.parametrize(
    "table", [table for table in TABLES.values() if table.name != "irregularities"], ids=lambda table: table.name
)
def test_the_check_of_a_lake_looks_at_every_table(lake: Lake, table: Table) -> None:
    day = DAY if table.is_daily or table.is_yearly else None
    column = next(column for column in table.columns if column.name not in table.key and not column.nullable)
    place = (column,)
    with lake.writer() as writer:
        writer.add(table, with_value(lake.read(table, day), place, None), day)
    found = quality.findings(lake).filter(pl.col("check").str.starts_with("values_"), table=table.name)
    assert found["detail"].to_list() == [f"{column.name} has no value"]
