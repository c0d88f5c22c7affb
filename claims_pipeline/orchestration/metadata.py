"""Asset metadata derived from the table declarations."""

from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg

from claims_pipeline.schema import Column


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


def add_row_counts(context: dg.AssetExecutionContext, rows_by_day: Mapping[date, int]) -> None:
    """Log the sum, and attach its own row count to each partition: result metadata would put the sum on every day."""
    context.log.info(f"{len(rows_by_day):,} days, {sum(rows_by_day.values()):,} rows")
    for day, rows in rows_by_day.items():
        context.add_asset_metadata({"dagster/partition_row_count": rows}, partition_key=day.isoformat())
