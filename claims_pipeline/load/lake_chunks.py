"""Partitions of the lake as chunks for the pipeline, several small days in one."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.fhir import RENDERINGS, render
from claims_pipeline.lake import Lake
from claims_pipeline.lake.writer import MANIFEST_FOLDER
from claims_pipeline.load.diff import CHUNK_SCHEMA
from claims_pipeline.load.sources import Partition

CHUNK_ROWS = 20_000
"""Enough that reading, rendering and comparing cost little a row; about 100 MB at a time."""


@dataclass
class LakeChunks:
    """Renders partitions of one table, in order, as chunks.

    Attributes:
        partitions: of one table.
        on_partition: told of each partition's rows before they are a chunk.
        row_counts: by partition name, filled as they are read.
    """

    partitions: Sequence[Partition]
    on_partition: Callable[[Partition, pl.DataFrame], None]
    row_counts: dict[str, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        waiting: list[tuple[Partition, pl.DataFrame]] = []
        rows = 0
        for partition in self.partitions:
            frame = partition.lake.read(partition.table, partition.day)
            self.on_partition(partition, frame)
            self.row_counts[partition.name] = frame.height
            waiting.append((partition, frame))
            rows += frame.height
            if rows >= CHUNK_ROWS:
                yield from _slices(waiting)
                waiting, rows = [], 0
        if rows:
            yield from _slices(waiting)


def rows_by_manifest(lake: Lake) -> dict[str, int]:
    """Return the number of rows by partition name, as the lake's manifest says; good enough for a progress bar."""
    rows = {}
    for file in (lake.root / MANIFEST_FOLDER).glob("*.json"):
        for day, facts in json.loads(file.read_bytes()).items():
            rows[f"{file.stem}/{day}" if day else file.stem] = int(facts["rows"])
    return rows


def resource_type(partition: Partition) -> str:
    """Return the FHIR resource type that a partition becomes."""
    return RENDERINGS[partition.table.name].resource_type


def as_of(partition: Partition) -> str:
    """Return the day of a partition as the ledger writes it."""
    return partition.day.isoformat() if partition.day else ""


def _slices(read: Sequence[tuple[Partition, pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    labelled = pl.concat(
        pl.select(
            pl.repeat(as_of(partition), frame.height).alias("as_of"),
            pl.repeat(partition.name, frame.height).alias("source"),
            pl.repeat(None, frame.height, dtype=pl.Int64).alias("together"),
        )
        for partition, frame in read
    )
    frames = pl.concat([frame for _, frame in read])
    for start in range(0, frames.height, CHUNK_ROWS):
        part = frames.slice(start, CHUNK_ROWS)
        labels = labelled.slice(start, CHUNK_ROWS)
        yield pl.concat([_rendered(read, part), labels], how="horizontal").select(CHUNK_SCHEMA.names())


def _rendered(read: Sequence[tuple[Partition, pl.DataFrame]], rows: pl.DataFrame) -> pl.DataFrame:
    try:
        return render(read[0][0].table, rows)
    except DataError:
        for partition, _ in read:
            partition.render()  # names the file
        raise
