"""Writing partitions: complete files first, then their names, in an order that keeps the lake consistent."""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import polars as pl
from polars.io.plugins import register_io_source

from claims_pipeline.files import file_digest, remove_leftovers, sync, temporary_name
from claims_pipeline.lake.manifest import Entry, manifest_lock, read_manifest, write_manifest
from claims_pipeline.lake.paths import partition_key, partition_path
from claims_pipeline.schema import TABLES, Table

ROW_GROUP = 122_880
"""Rows of a row group. Frames of so many rows each have the same bytes as files, however they were made."""
_ORDER = {name: number for number, name in enumerate(TABLES)}
"""Tables in the order of schema: each refers only to those before it."""
_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "statistics": True,
    "row_group_size": ROW_GROUP,
}


@dataclass
class LakeWriter:
    """Collects partitions in temporary files; leaving the `with` block publishes them.

    An exception in the block publishes nothing. At its end all files are complete and on disk before the first gets
    its name; then they get it one by one: first what has no day, then day by day, each table after those it refers to.
    Whoever reads meanwhile, or after a crash at that moment, sees none, some or all days of the range, and no row
    whose references are missing. Writing the range again completes it.

    A partition whose bytes equal the file that is there is left untouched.

    Attributes:
        written: number of files published that were new or differed.
        unchanged: number of files left alone because they were equal.
    """

    root: Path
    written: int = 0
    unchanged: int = 0
    _pending: list[tuple[Table, date | None]] = field(default_factory=list)
    _added: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, table: Table, frame: pl.DataFrame, day: date | None = None) -> None:
        """Add one partition: the declared columns of `frame`, in its row order. Threads may add at the same time."""
        names = table.polars_schema.names()
        content = parquet_bytes(frame if frame.columns == names else frame.select(names))
        path = partition_path(self.root, table, day)
        entry = Entry(rows=frame.height, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        remove_leftovers(path)
        is_equal = path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content
        if not is_equal:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary_name(path).write_bytes(content)
        self._note(table, day, entry, is_equal=is_equal)

    def add_frames(self, table: Table, frames: Iterable[pl.DataFrame], day: date | None = None) -> int:
        """Add one partition from frames with the declared columns, of which few are in memory at a time.

        The bytes are those that `add` writes if there is one frame; they depend on how the rows are split into frames.

        Returns:
            The number of its rows.
        """
        path = partition_path(self.root, table, day)
        remove_leftovers(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_name(path)
        rows = 0

        def counted(*_: object) -> Iterator[pl.DataFrame]:
            nonlocal rows
            for frame in frames:
                rows += frame.height
                yield _without_neighbours(frame)

        try:
            register_io_source(counted, schema=table.polars_schema).sink_parquet(temporary, **_OPTIONS)
            entry = Entry(rows=rows, bytes=temporary.stat().st_size, sha256=file_digest(temporary))
            is_equal = path.exists() and path.stat().st_size == entry.bytes and file_digest(path) == entry.sha256
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if is_equal:
            temporary.unlink()
        self._note(table, day, entry, is_equal=is_equal)
        return rows

    def _note(self, table: Table, day: date | None, entry: Entry, *, is_equal: bool) -> None:
        with self._lock:
            self._added.setdefault(table.name, {})[partition_key(table, day)] = entry
            if is_equal:
                self.unchanged += 1
            else:
                self._pending.append((table, day))

    def file(self, table: Table, day: date | None = None) -> Path:
        """Return the file that holds a partition now: the temporary one if it was added and differs from the lake's."""
        path = partition_path(self.root, table, day)
        return temporary_name(path) if (table, day) in self._pending else path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            for path in self._paths():
                temporary_name(path).unlink(missing_ok=True)

    def _publish(self) -> None:
        sync(temporary_name(path) for path in self._paths())
        with manifest_lock(self.root):
            known = {name: read_manifest(self.root, TABLES[name]) for name in self._added}  # damaged: nothing happens
            self._pending.sort(key=lambda added: (added[1] or date.min, _ORDER[added[0].name]))
            for path in self._paths():
                temporary_name(path).replace(path)
            sync({folder for path in self._paths() for folder in (path.parent, path.parent.parent)})  # both may be new
            for name, entries in known.items():
                if entries | self._added[name] != entries:
                    write_manifest(self.root, TABLES[name], entries | self._added[name])
        self.written = len(self._pending)

    def _paths(self) -> list[Path]:
        return [partition_path(self.root, table, day) for table, day in self._pending]


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return `frame` as Parquet with fixed options: equal rows give equal bytes under the locked versions."""
    buffer = io.BytesIO()
    _without_neighbours(frame).write_parquet(buffer, **_OPTIONS)
    return buffer.getvalue()


def _without_neighbours(frame: pl.DataFrame) -> pl.DataFrame:
    """Copy nested columns: a slice of lists keeps the values around it, and Parquet's pages depend on those."""
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    return frame.with_columns(pl.col(nested).gather(pl.int_range(pl.len())))
