"""Rows as Parquet, with fixed options: equal rows give equal bytes under the locked versions."""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from claims_pipeline.schema import Table

ROW_GROUP = 122_880
"""Rows of a row group. Frames of this many rows each have the same bytes as files, however they were made."""
ROWS_A_QUERY = 25_000
"""Number of rows from which on partitions are no longer written together."""
_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,  # 3 takes more time and saves no bytes where codes have dictionaries
    "statistics": True,
    "row_group_size": ROW_GROUP,
}
_ARROW_SCHEMA = "ARROW:schema"
"""Where Polars notes in a file the types that its columns had, and looks when it reads them."""


def parquet_bytes(table: Table, frame: pl.DataFrame) -> bytes:
    """Return the declared columns of `frame` as Parquet."""
    (content,) = contents(table, [coded(table, frame)])
    return content


def coded(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the declared columns of a frame with codes as categories."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in table.coded_schema.items())


def contents(table: Table, frames: Iterable[pl.DataFrame]) -> Iterator[bytes]:
    """Yield each frame as Parquet: a query that writes several costs less than one for each, if they are small."""
    buffers: list[io.BytesIO] = []
    queries: list[pl.LazyFrame] = []
    options, rows = _options(table), 0
    for frame in frames:
        buffers.append(io.BytesIO())
        queries.append(_without_neighbours(table, frame).lazy().sink_parquet(buffers[-1], **options, lazy=True))
        rows += frame.height
        if rows >= ROWS_A_QUERY:
            yield from _written(queries, buffers)
            buffers, queries, rows = [], [], 0
    yield from _written(queries, buffers)


def write_frames(table: Table, frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write frames with the declared columns to one file, few of them in memory at a time, and return the rows."""
    rows = 0

    def counted(*_: object) -> Iterator[pl.DataFrame]:
        nonlocal rows
        for frame in frames:
            rows += frame.height
            yield _without_neighbours(table, coded(table, frame))

    register_io_source(counted, schema=table.coded_schema).sink_parquet(path, **_options(table))
    return rows


@cache
def _options(table: Table) -> Mapping[str, Any]:
    """Return the options with which files of a table are written: their readers see text, not categories."""
    empty = io.BytesIO()
    table.polars_schema.to_frame().write_parquet(empty)
    empty.seek(0)
    return {**_OPTIONS, "metadata": {_ARROW_SCHEMA: pl.read_parquet_metadata(empty)[_ARROW_SCHEMA]}}


def _written(queries: Sequence[pl.LazyFrame], buffers: Sequence[io.BytesIO]) -> list[bytes]:
    """Run the queries and return what they wrote into the buffers."""
    pl.collect_all(queries, engine="streaming")
    return [buffer.getvalue() for buffer in buffers]


def _without_neighbours(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Copy nested columns: a slice of lists keeps the values around it, and Parquet's pages depend on those."""
    if not table.nested_columns:
        return frame
    return frame.with_columns(pl.col(table.nested_columns).gather(pl.int_range(pl.len())))
