from datetime import date
from decimal import Decimal

import polars as pl

from claims_pipeline import schema


def test_names_and_keys_are_unique_within_each_table() -> None:
    for table in schema.TABLES.values():
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names)), table.name
        assert set(table.key) <= set(names), table.name


def test_every_column_says_what_it_means() -> None:
    columns = [column for table in schema.TABLES.values() for column in table.columns]
    assert all(column.meaning for column in columns)
    assert all(field.meaning for column in columns for field in column.fields)


def test_every_field_of_a_struct_is_declared() -> None:
    for table in schema.TABLES.values():
        for column in table.columns:
            inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
            fields = [field.name for field in inner.fields] if isinstance(inner, pl.Struct) else []
            assert fields == [field.name for field in column.fields], f"{table.name}.{column.name}"


def test_a_name_has_one_type_everywhere() -> None:
    types: dict[str, pl.DataType] = {}
    for table in schema.TABLES.values():
        for column in table.columns:
            assert types.setdefault(column.name, column.dtype) == column.dtype, f"{table.name}.{column.name}"


def test_conform_orders_columns_casts_types_and_sorts_by_key() -> None:
    table = schema.Table(
        "bills",
        "one row per bill",
        ("bill_id",),
        (
            schema.Column("bill_id", pl.String(), "Bill"),
            schema.Column("due_date", pl.Date(), "Due"),
            schema.Column("charge_amount", schema.USD, "Charge", unit="USD"),
        ),
    )
    frame = pl.DataFrame(
        {"charge_amount": [2.5, 1.25], "noise": [0, 0], "bill_id": ["b", "a"], "due_date": [date(2025, 1, 2)] * 2}
    )

    assert table.conform(frame).rows() == [
        ("a", date(2025, 1, 2), Decimal("1.25")),
        ("b", date(2025, 1, 2), Decimal("2.50")),
    ]
