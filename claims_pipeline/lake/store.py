"""Where partitions are, and how to read them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from claims_pipeline.days import parse_day
from claims_pipeline.errors import DataError
from claims_pipeline.files import file_digest
from claims_pipeline.lake.manifest import Entries, read_manifest
from claims_pipeline.lake.parquet import ROW_GROUP
from claims_pipeline.lake.paths import partition_path
from claims_pipeline.lake.writer import LakeWriter
from claims_pipeline.schema import Table


@dataclass(frozen=True)
class Lake:
    """The Parquet partitions under `root`."""

    root: Path

    def path(self, table: Table, day: date | None = None) -> Path:
        """Return the file of a table, or of a day of a daily table; it need not exist."""
        return partition_path(self.root, table, day)

    def days(self, table: Table) -> list[date]:
        """Return the days that have a partition, in order.

        Raises:
            DataError: a partition is named for something else than a day.
        """
        files = (self.root / table.name).glob("day=*/part.parquet")
        return sorted(_day_of(file.parent) for file in files)

    def read(self, table: Table, day: date | None = None) -> pl.DataFrame:
        """Return one file's rows with the declared columns, in the declared order.

        Raises:
            DataError: the file is missing, is not Parquet, or has other columns or types.
        """
        path = self.path(table, day)
        if not self.root.is_dir():
            raise DataError("there is no lake", where=str(self.root), fix="claims generate")
        if not path.exists():
            raise DataError(f"the lake has no {path.relative_to(self.root)}", where=str(path), fix="claims generate")
        with _readable(path):
            frame = pl.read_parquet(path, hive_partitioning=False, glob=False)
        _require_columns(table, frame.schema, path)
        return frame.select(table.polars_schema.names())

    def scan(self, table: Table, days: Iterable[date] | None = None) -> pl.LazyFrame:
        """Return the rows of some days (default: all) with their `day`, lazily.

        Raises:
            DataError: there is no such partition, or it is not Parquet, or it has other columns or types.
        """
        chosen = self.days(table) if days is None else list(days)
        paths = [self.path(table, day) for day in chosen]
        missing = [path for path in paths if not path.exists()]
        if missing or not paths:
            where = str(missing[0] if missing else self.root / table.name)
            raise DataError(f"the lake has no partition of {table.name}", where=where, fix="claims generate")
        return scan_partitions(table, paths, hive_partitioning=True, hive_schema={"day": pl.Date})

    def batches(self, table: Table) -> Iterator[pl.DataFrame]:
        """Yield the rows of a table that has one file, or one a year, as far as it has them, a row group at a time.

        Raises:
            DataError: a file is not Parquet, or has other columns or types.
        """
        names = "year=*/part.parquet" if table.is_yearly else "part.parquet"
        for path in sorted((self.root / table.name).glob(names)):
            rows = scan_partitions(table, [path], hive_partitioning=False)
            for start in range(0, rows.select(pl.len()).collect().item(), ROW_GROUP):
                yield rows.slice(start, ROW_GROUP).collect()

    def count(self, table: Table, day: date | None = None) -> int:
        """Return the number of rows of one file.

        Raises:
            DataError: the file is not Parquet, or has other columns or types.
        """
        rows = scan_partitions(table, [self.path(table, day)], hive_partitioning=False)
        return int(rows.select(pl.len()).collect().item())

    def read_days(self, table: Table, days: Iterable[date], *columns: str | pl.Expr) -> pl.DataFrame:
        """Return the rows of some days in that order: some columns or, by default, all with `day`.

        It is faster than to read day by day, and than `scan`, which reads the schema of each file beforehand.

        Raises:
            DataError: one of the partitions is missing, is not Parquet, or has other columns or types; which one,
                `read` says.
        """
        schema = pl.Schema(table.polars_schema | {"day": pl.Date()})
        paths = [self.path(table, day) for day in days]
        try:
            rows = pl.scan_parquet(paths, schema=schema, hive_schema={"day": pl.Date}, glob=False)
            return rows.select(*columns or schema.names()).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(
                f"not all are readable partitions of {table.name}: {error}", where=str(self.root)
            ) from error

    def digest(self, table: Table, day: date | None = None) -> str:
        """Return the SHA-256 of a partition's file as it is now."""
        return file_digest(self.path(table, day))

    def manifest(self, table: Table) -> Entries:
        """Return rows, size and digest of each file of a table as its writers noted them, by day as text.

        Raises:
            DataError: the manifest is damaged.
        """
        return read_manifest(self.root, table)

    def writer(self) -> LakeWriter:
        """Return a context manager that publishes what was added to it; an exception in its block publishes nothing."""
        return LakeWriter(self.root)


def scan_partitions(table: Table, paths: Sequence[Path], **options: Any) -> pl.LazyFrame:
    """Return the rows of some files of a table, lazily.

    Raises:
        DataError: one of them is not Parquet, or has other columns or types.
    """
    require_partitions(table, paths)
    return pl.scan_parquet(list(paths), glob=False, **options)


def require_partitions(table: Table, paths: Iterable[Path]) -> None:
    """Check that files are partitions of a table: Parquet with the declared columns and types, and no others.

    Raises:
        DataError: one of them is not.
    """
    for path in paths:
        state = path.stat()
        _check_columns(table, path, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=20_000)  # a check of quality scans each file a dozen times
def _check_columns(table: Table, path: Path, state: tuple[int, int, int]) -> None:
    """Raise the error about a file that is not Parquet, or has other columns or types, once for each `state` of it."""
    del state
    with _readable(path):
        _require_columns(table, pl.scan_parquet(path, glob=False, hive_partitioning=False).collect_schema(), path)


def _day_of(folder: Path) -> date:
    name = folder.name.removeprefix("day=")
    try:
        return parse_day(name)
    except ValueError as error:
        raise DataError(f"its name {error}", where=str(folder), fix="rename or remove the folder") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"not a readable Parquet file: {error}", where=str(path), fix="generate the partition again"
        ) from error


def _require_columns(table: Table, found: pl.Schema, path: Path) -> None:
    """Raise the error about a file that lacks columns of a table, has others, or has other types."""
    declared = table.polars_schema
    problems = [
        f"{name}: {'missing' if name not in found else f'{found[name]} instead of {dtype}'}"
        for name, dtype in declared.items()
        if found.get(name) != dtype
    ]
    problems += [f"{name}: unexpected" for name in found if name not in declared]
    if problems:
        raise DataError(
            f"not a partition of {table.name} ({'; '.join(problems)})",
            where=str(path),
            fix="claims generate writes it anew; if an earlier version made this lake: remove its folder, "
            "then claims generate",
        )
