"""Asset metadata derived from the table declarations, and the numbers that the UI plots over the days."""

from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg

from claims_pipeline.lake import Lake
from claims_pipeline.schema import Column, Table


def column_schema(columns: Iterable[Column]) -> dict[str, dg.TableSchema]:
    """Return the definition metadata that shows a table's columns in the UI."""
    return {"dagster/column_schema": dg.TableSchema(columns=[_column(column) for column in columns])}


def _column(column: Column) -> dg.TableColumn:
    return dg.TableColumn(
        name=column.name,
        type=str(column.dtype),
        description=column.meaning,
        constraints=dg.TableColumnConstraints(nullable=column.nullable),
    )


def add_day_numbers(
    context: dg.AssetExecutionContext, lake: Lake, table: Table, rows_by_day: Mapping[date, int], seconds: float
) -> None:
    """Attach its own rows, bytes and share of the time to each day: result metadata would put the sum on every day."""
    context.log.info(f"{len(rows_by_day):,} days, {sum(rows_by_day.values()):,} rows, {seconds:.1f} s")
    for day, rows in rows_by_day.items():
        numbers = {
            "dagster/partition_row_count": rows,
            "bytes": lake.path(table, day).stat().st_size,
            "seconds": round(seconds / len(rows_by_day), 4),
        }
        context.add_asset_metadata(numbers, partition_key=day.isoformat())
