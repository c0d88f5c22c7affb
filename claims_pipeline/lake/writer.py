"""Writing partitions: complete files first, then their names, in an order that keeps the lake consistent."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import polars as pl

from claims_pipeline.files import file_digest, remove_leftovers, sync, temporary_name
from claims_pipeline.lake.manifest import Entry, manifest_lock, read_manifest, write_manifest
from claims_pipeline.lake.parquet import coded, contents, parquet_bytes, write_frames
from claims_pipeline.lake.paths import partition_key, partition_path
from claims_pipeline.schema import TABLES, Table

_ORDER = {name: number for number, name in enumerate(TABLES)}
"""Tables in the order of schema: each refers only to those before it."""


@dataclass(frozen=True)
class _Pending:
    """A partition that is complete and waits for its name."""

    table: Table
    day: date | None
    temporary: Path

    @property
    def place(self) -> tuple[date, int]:
        """Its place in the order in which partitions get their names."""
        return self.day or date.min, _ORDER[self.table.name]


@dataclass
class LakeWriter:
    """Collects partitions in temporary files; leaving the `with` block publishes them.

    An exception in the block publishes nothing. At its end all files are complete and on disk before the first gets
    its name; then they get it one by one: first what has no day, then day by day, each table after those it refers to.
    Whoever reads meanwhile, or after a crash at that moment, sees none, some or all days of the range, and no row
    whose references are missing. Writing the range again completes it.

    A partition whose bytes equal the file that is there is left untouched, and so is a year that has more rows there.

    Attributes:
        written: number of files published that were new or differed.
        unchanged: number of files left alone because they were equal.
    """

    root: Path
    written: int = 0
    unchanged: int = 0
    _pending: dict[Path, _Pending] = field(default_factory=dict)
    _added: dict[str, dict[str, Entry]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, table: Table, frame: pl.DataFrame, day: date | None = None) -> None:
        """Add one partition: the declared columns of `frame`, in its row order. Threads may add at the same time."""
        self._add_content(table, day, frame.height, parquet_bytes(table, frame))

    def add_days(self, table: Table, frame: pl.DataFrame, days: Sequence[date]) -> dict[date, int]:
        """Add the partitions of some days in order, as `add` does; a day without rows gets an empty one.

        Args:
            table: a daily table.
            frame: its declared columns and `day`, by which its rows are ordered.
            days: all days of the frame, and maybe others.

        Returns:
            The rows of each day.
        """
        counts = dict(frame.group_by("day", maintain_order=True).len().iter_rows())
        rows = {day: counts.get(day, 0) for day in days}
        ends = accumulate(rows.values())
        declared = coded(table, frame)
        partitions = (declared.slice(end - count, count) for end, count in zip(ends, rows.values(), strict=True))
        for (day, count), content in zip(rows.items(), contents(table, partitions), strict=True):
            self._add_content(table, day, count, content)
        return rows

    def _add_content(self, table: Table, day: date | None, rows: int, content: bytes) -> None:
        path = partition_path(self.root, table, day)
        entry = Entry(rows=rows, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        is_equal = not _make_folder(path) and _has(path, len(content)) and path.read_bytes() == content
        temporary = temporary_name(path)
        if not is_equal:
            temporary.write_bytes(content)
        self._note(path, table, day, entry, None if is_equal else temporary)

    def add_frames(self, table: Table, frames: Iterable[pl.DataFrame], day: date | None = None) -> int:
        """Add one partition from frames with the declared columns, of which few are in memory at a time.

        The bytes are those that `add` writes if there is one frame; they depend on how the rows are split into frames.

        Returns:
            The number of its rows.
        """
        path = partition_path(self.root, table, day)
        _make_folder(path)
        temporary = temporary_name(path)
        try:
            rows = write_frames(table, frames, temporary)
            entry = Entry(rows=rows, bytes=temporary.stat().st_size, sha256=file_digest(temporary))
            is_equal = _has(path, entry.bytes) and file_digest(path) == entry.sha256
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if is_equal:
            temporary.unlink()
        self._note(path, table, day, entry, None if is_equal else temporary)
        return rows

    def _note(self, path: Path, table: Table, day: date | None, entry: Entry, temporary: Path | None) -> None:
        with self._lock:
            self._added.setdefault(table.name, {})[partition_key(table, day)] = entry
            if temporary is None:
                self.unchanged += 1
            else:
                self._pending[path] = _Pending(table, day, temporary)

    def file(self, table: Table, day: date | None = None) -> Path:
        """Return the file that holds a partition now: the temporary one if it was added and differs from the lake's."""
        path = partition_path(self.root, table, day)
        return self._pending[path].temporary if path in self._pending else path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            for pending in self._pending.values():
                pending.temporary.unlink(missing_ok=True)

    def _publish(self) -> None:
        sync(pending.temporary for pending in self._pending.values())
        with manifest_lock(self.root):
            known = {name: read_manifest(self.root, TABLES[name]) for name in self._added}  # damaged: nothing happens
            self._leave_longer_years(known)
            in_order = sorted(self._pending.items(), key=lambda item: item[1].place)
            for path, pending in in_order:
                pending.temporary.replace(path)
            sync({folder for path in self._pending for folder in (path.parent, path.parent.parent)})  # both may be new
            for name, entries in known.items():
                if entries | self._added[name] != entries:
                    write_manifest(self.root, TABLES[name], entries | self._added[name])
        self.written = len(self._pending)
        self._pending.clear()

    def _leave_longer_years(self, known: Mapping[str, Mapping[str, Entry]]) -> None:
        """Publish no part of a year over more of it, which another process has published meanwhile."""
        for path, pending in list(self._pending.items()):
            name, key = pending.table.name, partition_key(pending.table, pending.day)
            is_longer = key in known[name] and known[name][key].rows > self._added[name][key].rows
            if pending.table.is_yearly and is_longer and path.exists():
                pending.temporary.unlink()
                del self._pending[path], self._added[name][key]


def _make_folder(path: Path) -> bool:
    """Make the folder of a file and return whether it is new; from one that was there, remove what is left over."""
    try:
        path.parent.mkdir()
    except FileExistsError:
        remove_leftovers(path)
        return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    return True


def _has(path: Path, size: int) -> bool:
    """Return whether there is a file of a size."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False
