"""Reads partitions of a lake as chunks of resources, several small days in one chunk."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.fhir import RENDERED_TABLES, RENDERINGS, RESOURCE_SCHEMA, mapping_digest, render
from claims_pipeline.fhir.checks import ValuesNotAllowed
from claims_pipeline.lake import Lake
from claims_pipeline.load.resource import CHUNK_SCHEMA, Resource, Result

DIRECTORY = tuple(table for table in RENDERED_TABLES if not table.is_daily)
"""Tables of one file that are loaded, in loading order."""

DAILY = tuple(table for table in RENDERED_TABLES if table.is_daily)
"""Tables of a partition a day that are loaded, in loading order."""


@dataclass(frozen=True)
class Partition:
    """One file of the lake; `day` is None for a table of the directory."""

    lake: Lake
    table: schema.Table
    day: date | None = None

    @property
    def name(self) -> str:
        """`claims/2025-01-15`, or `payers`."""
        return f"{self.table.name}/{self.day}" if self.day else self.table.name

    def digest(self) -> str:
        """Return the SHA-256 of the file's digest and the mapping's: equal means equal resources.

        Raises:
            DataError: the lake has no such file.
        """
        try:
            content = self.lake.digest(self.table, self.day)
        except FileNotFoundError:
            raise DataError(f"the lake has no {self.name}", where=str(self.lake.root), fix="claims generate") from None
        return hashlib.sha256(f"{content} {mapping_digest()}".encode()).hexdigest()


def partitions(lake: Lake, days: Iterable[date], *, newest_first: bool = True) -> list[Partition]:
    """Return the partitions of a range in the order in which they are loaded.

    Table after table in loading order, so that all that a resource refers to comes before it: first the directory,
    then for each daily table its days. Newest first: of each id the first one met is the one that counts, and the
    older versions after it are superseded. Oldest first (`newest_first=False`): every version in its turn.
    """
    ordered = sorted(set(days), reverse=newest_first)
    directory = [Partition(lake, table) for table in DIRECTORY]
    return directory + [Partition(lake, table, day) for table in DAILY for day in ordered]


FIRST_CHUNK_ROWS = 1_000
"""The server waits until the first chunk is read and compared, so it is small, and the next ones grow."""
GROWTH = 4
CHUNK_ROWS = 20_000
"""Large enough that reading, rendering and comparing are cheap a row; about 100 MB in memory."""


@dataclass
class LakeChunks:
    """Renders partitions of one table, in order, as chunks.

    Attributes:
        partitions: of one table.
        on_partition: called with the rows of each partition before they are yielded.
        row_counts: by partition name, filled as they are read.
        rejected: rows that FHIR cannot hold, without a body, filled as they are rendered.
    """

    partitions: Sequence[Partition]
    on_partition: Callable[[Partition, pl.DataFrame], None] = lambda *_: None
    row_counts: dict[str, int] = field(default_factory=dict)
    rejected: list[Result] = field(default_factory=list)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for batch, size in _batches(self.partitions):
            read = _read(batch)
            for partition, frame in read:
                self.on_partition(partition, frame)
                self.row_counts[partition.name] = frame.height
            if any(frame.height for _, frame in read):
                yield from self._slices(read, size)

    def _slices(self, read: Sequence[tuple[Partition, pl.DataFrame]], size: int) -> Iterator[pl.DataFrame]:
        table = read[0][0].table
        labels, frames = _labelled(read), pl.concat([frame for _, frame in read])
        for start, length in _cuts(frames.height, size):
            rows, label = frames.slice(start, length), labels.slice(start, length)
            resources, wrong = _rendered(table, rows)
            if wrong:
                self._reject(rows, label, wrong)
                label = label.filter(~pl.int_range(pl.len()).is_in(list(wrong)))
            yield pl.concat([resources, label], how="horizontal").select(CHUNK_SCHEMA.names())

    def _reject(self, rows: pl.DataFrame, label: pl.DataFrame, wrong: Mapping[int, ValuesNotAllowed]) -> None:
        rendering = RENDERINGS[self.partitions[0].table.name]
        for at, why in wrong.items():
            of_row = label.row(at, named=True)
            day, source = of_row["as_of"], of_row["source"]
            resource_id, text = rows[rendering.id_column][at], why.message
            if not resource_id:
                resource_id = id_of_row(source, of_row["row"])
                text = f"row {of_row['row']} has no {rendering.id_column}"
            stand_in = hashlib.sha256(f"{source} {why.with_values}".encode()).hexdigest()  # for the hash of a body
            resource = Resource(rendering.resource_type, resource_id, stand_in, day, source, "", [])
            self.rejected.append(Result(resource, "rejected", text=text, full_text=why.with_values))


def ids_of(partition: Partition, rows: pl.DataFrame) -> set[str]:
    """Return the ids of the rows of a partition; a row without one has that of its dead letter."""
    ids = rows[RENDERINGS[partition.table.name].id_column].to_list()
    return {found or id_of_row(partition.name, number) for number, found in enumerate(ids, start=1)}


def id_of_row(partition_name: str, number: int) -> str:
    """Return what names a row without an id in dead letters: the partition and the row's number from 1."""
    return f"row-{number}-of-{partition_name.replace('/', '-')}"


def latest_days(lake: Lake, table: schema.Table, ids: Sequence[str]) -> dict[str, date]:
    """Return the day of the latest version of each of `ids` that a daily table of the lake has."""
    id_column = RENDERINGS[table.name].id_column
    rows = lake.scan(table).select(id_column, "day").filter(pl.col(id_column).is_in(ids))
    return dict(rows.group_by(id_column).agg(pl.col("day").max()).collect().rows())


def chunks_of_ids(partition: Partition, ids: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the resources of a partition that have one of `ids`, as chunks."""
    for chunk in LakeChunks([partition]):
        if (found := chunk.filter(pl.col("resource_id").is_in(ids))).height:
            yield found


def _batches(partitions: Sequence[Partition]) -> Iterator[tuple[list[Partition], int]]:
    """Yield partitions that make one chunk together, as far as the manifest knows their rows, and its size."""
    rows = rows_by_manifest(partitions[0].lake) if partitions else {}
    batch: list[Partition] = []
    expected, size = 0, FIRST_CHUNK_ROWS
    for partition in partitions:
        batch.append(partition)
        expected += rows.get(partition.name, CHUNK_ROWS)
        if expected >= size:
            yield batch, size
            batch, expected, size = [], 0, _larger(size)
    if batch:
        yield batch, size


def _cuts(height: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield start and length of parts; a rest that is smaller than a part belongs to the one before."""
    start = 0
    while start < height:
        length = size if height - start >= 2 * size else height - start
        yield start, length
        start, size = start + length, _larger(size)


def _larger(size: int) -> int:
    return min(GROWTH * size, CHUNK_ROWS)


def _read(batch: Sequence[Partition]) -> list[tuple[Partition, pl.DataFrame]]:
    """Read small files together, which takes a third of the time; one by one where something is wrong with one."""
    lake, table = batch[0].lake, batch[0].table
    days = [partition.day for partition in batch if partition.day]
    try:
        together = lake.read_days(table, days) if len(days) > 1 else None
    except DataError:
        together = None
    if together is None:
        return [(partition, lake.read(table, partition.day)) for partition in batch]
    counts = dict(together.group_by("day").len().rows())
    rows = together.select(table.polars_schema.names())
    read, start = [], 0
    for partition in batch:
        height = counts.get(partition.day, 0)
        read.append((partition, rows.slice(start, height)))
        start += height
    return read


def rows_by_manifest(lake: Lake) -> dict[str, int]:
    """Return the number of rows by partition name, as the lake's manifest says: an estimate.

    Raises:
        DataError: a manifest is damaged.
    """
    rows = {}
    for table in schema.TABLES.values():
        for day, entry in lake.manifest(table).items():
            rows[f"{table.name}/{day}" if day else table.name] = entry.rows
    return rows


def resource_type(partition: Partition) -> str:
    """Return the FHIR resource type that a partition becomes."""
    return RENDERINGS[partition.table.name].resource_type


def as_of(partition: Partition) -> str:
    """Return the day of a partition as the ledger writes it."""
    return partition.day.isoformat() if partition.day else ""


def _labelled(read: Sequence[tuple[Partition, pl.DataFrame]]) -> pl.DataFrame:
    """Return `as_of`, `source` and `together` of each row in order, and its number in its partition, from 1."""
    partitions = pl.DataFrame(
        {
            "as_of": [as_of(partition) for partition, _ in read],
            "source": [partition.name for partition, _ in read],
            "height": [frame.height for _, frame in read],
        }
    ).filter(pl.col("height") > 0)
    labels = partitions.select(
        pl.col("as_of", "source").repeat_by("height").explode(),
        row=pl.int_ranges(1, pl.col("height") + 1).explode(),
    )
    return labels.with_columns(together=pl.lit(None, dtype=pl.Int64))


def _rendered(table: schema.Table, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, ValuesNotAllowed]]:
    """Render what FHIR can hold; also return why not, by position, for the other rows."""
    try:
        return render(table, rows) if table is schema.CLAIMS else _rendered_once(table, rows), {}
    except ValuesNotAllowed as error:
        if rows.height == 1:
            return RESOURCE_SCHEMA.to_frame(), {0: error}
    half = rows.height // 2
    first, wrong_in_first = _rendered(table, rows.head(half))
    second, wrong_in_second = _rendered(table, rows.slice(half))
    return pl.concat([first, second]), wrong_in_first | {half + at: why for at, why in wrong_in_second.items()}


def _rendered_once(table: schema.Table, rows: pl.DataFrame) -> pl.DataFrame:
    """Render equal rows once: a person's row is the same on most days."""
    distinct = rows.unique(maintain_order=True)
    numbered = distinct.with_row_index("number")
    same = rows.join(numbered, on=rows.columns, how="left", nulls_equal=True, maintain_order="left")
    return render(table, distinct)[same["number"]]
