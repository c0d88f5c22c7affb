"""Asset metadata derived from the table declarations, and the numbers that the UI plots over the days."""

from collections.abc import Iterable, Mapping
from datetime import date

import dagster as dg

from claims_pipeline.lake import Lake
from claims_pipeline.lake.feed import GENERATOR_VERSION
from claims_pipeline.schema import Column, Table

OWNERS = ["team:claims-pipeline"]

FEED_VERSION = str(GENERATOR_VERSION)
"""Code version of what is generated: it rises when the same feed would give other rows."""


def table_schema(columns: Iterable[Column]) -> dg.TableSchema:
    """Return a table's columns as Dagster describes them: name, type, meaning, whether a value may be missing."""
    return dg.TableSchema(columns=[_column(column) for column in columns])


def column_schema(columns: Iterable[Column]) -> dict[str, dg.TableSchema]:
    """Return the definition metadata that shows a table's columns in the UI."""
    return {"dagster/column_schema": table_schema(columns)}


def table_metadata(table: Table, *sources: Table) -> dict[str, dg.TableSchema | dg.TableColumnLineage | str]:
    """Return the definition metadata of a table of the lake: where it is, its columns, and where they come from."""
    return {
        **column_schema(table.columns),
        **column_lineage(table.columns, {source.name: source.columns for source in sources}),
        "dagster/storage_kind": "parquet",
        "dagster/table_name": table.name,
        "grain": table.grain,
    }


def column_lineage(
    columns: Iterable[Column], sources: Mapping[str, Iterable[Column]]
) -> dict[str, dg.TableColumnLineage]:
    """Return the definition metadata that shows which columns of its sources, by asset, a column is taken from.

    A column is taken from those of the same name: the tables are declared so.
    """
    names = {asset: {column.name for column in of_asset} for asset, of_asset in sources.items()}
    lineage = {
        column.name: [
            dg.TableColumnDep(asset_key=asset, column_name=column.name)
            for asset, known in names.items()
            if column.name in known
        ]
        for column in columns
    }
    return {"dagster/column_lineage": dg.TableColumnLineage({name: deps for name, deps in lineage.items() if deps})}


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
