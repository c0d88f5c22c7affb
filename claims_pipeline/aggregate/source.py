"""What the models read: the lake, one view a table, and the reference tables; and the digest of the lake."""

import glob
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from claims_pipeline.aggregate.models import MODELS, REFERENCES
from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake, require_partitions
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, Table

LAKE_TABLES: tuple[Table, ...] = tuple({table.name: table for model in MODELS for table in model.tables}.values())


@dataclass(frozen=True)
class LakeState:
    """What a lake holds at one moment. `days` are the partitions of claims."""

    digest: str
    days: tuple[date, ...]


def lake_state(lake: Lake) -> LakeState:
    """Return the state of the tables that the models read.

    Raises:
        DataError: there is no lake, or one of those tables is not in it.
    """
    if not lake.root.is_dir():
        raise DataError("there is no lake", where=str(lake.root), fix="claims generate")
    missing = [table.name for table in LAKE_TABLES if not _files(lake, table)]
    if missing:
        raise DataError(f"the lake has no {', '.join(missing)}", where=str(lake.root), fix="claims generate")
    paths = [path for table in LAKE_TABLES for path in _files(lake, table)]
    return LakeState(_digest(lake.root, paths), tuple(lake.days(CLAIMS)))


def attach_lake(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Make the lake's tables readable as `lake.<table>`; daily tables have the column `day`.

    Raises:
        DataError: a file is not Parquet, or has other columns or types than declared.
    """
    connection.execute("attach ':memory:' as lake")
    connection.execute("set parquet_metadata_cache = true")  # several models read the same thousands of files
    for table in LAKE_TABLES:
        require_partitions(table, _files(lake, table))
        try:
            connection.execute(_view(lake, table))
        except duckdb.Error as error:
            raise unreadable(error, lake) from error


def attach_reference(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the reference tables that models read readable as `reference.<table>`."""
    connection.execute("attach ':memory:' as reference")
    for name in REFERENCES:
        connection.register("reference_rows", read_table(name))
        connection.execute(f"create table reference.{name} as select * from reference_rows")
        connection.unregister("reference_rows")


def unreadable(error: duckdb.Error, lake: Lake) -> DataError:
    """Return what a person can do about an error of DuckDB while it reads the lake and builds from it."""
    return DataError(
        f"the lake cannot be read: {str(error).splitlines()[0]}",
        where=str(lake.root),
        fix="if it names a file, make that anew: claims generate; if memory or disk is short, free some",
    )


def _files(lake: Lake, table: Table) -> list[Path]:
    if table.is_daily:
        return [lake.path(table, day) for day in lake.days(table)]
    return [path] if (path := lake.path(table)).exists() else []


def _pattern(lake: Lake, table: Table) -> str:
    folder = glob.escape(str(lake.root / table.name))
    return f"{folder}/day=*/part.parquet" if table.is_daily else f"{folder}/part.parquet"


def _view(lake: Lake, table: Table) -> str:
    columns = ", ".join([column.name for column in table.columns] + ["day"] * table.is_daily)
    return f"create view lake.{table.name} as select {columns} from {_rows(lake, table)}"


def _rows(lake: Lake, table: Table) -> str:
    quoted = _pattern(lake, table).replace("'", "''")
    hive = "hive_partitioning = true, hive_types = {'day': date}" if table.is_daily else "hive_partitioning = false"
    return f"read_parquet('{quoted}', {hive})"


def _digest(root: Path, paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()
