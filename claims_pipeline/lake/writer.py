"""Writing partitions: all files of a range become visible together, then the manifest names them."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import polars as pl
from filelock import FileLock

from claims_pipeline.errors import DataError
from claims_pipeline.files import remove_leftovers, sync, temporary_name, write_atomically
from claims_pipeline.lake.paths import partition_path
from claims_pipeline.schema import Table

MANIFEST_FOLDER = "manifest"


@dataclass
class LakeWriter:
    """Collects partitions in temporary files; leaving the `with` block publishes them.

    A partition whose bytes equal the file that is there is left untouched. An exception publishes nothing.

    Attributes:
        written: number of files published that were new or differed.
        unchanged: number of files left alone because they were equal.
    """

    root: Path
    written: int = 0
    unchanged: int = 0
    _pending: list[Path] = field(default_factory=list)
    _manifest: dict[str, dict[str, dict[str, int | str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, table: Table, frame: pl.DataFrame, day: date | None = None) -> None:
        """Add one partition: the declared columns of `frame`, in its row order. Threads may add at the same time."""
        names = table.polars_schema.names()
        content = parquet_bytes(frame if frame.columns == names else frame.select(names))
        path = partition_path(self.root, table, day)
        entry: dict[str, int | str] = {
            "rows": frame.height,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        remove_leftovers(path)
        is_equal = path.exists() and path.stat().st_size == len(content) and path.read_bytes() == content
        if not is_equal:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary_name(path).write_bytes(content)
        with self._lock:
            self._manifest.setdefault(table.name, {})[str(day) if day else ""] = entry
            if is_equal:
                self.unchanged += 1
            else:
                self._pending.append(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
        finally:
            for path in self._pending:
                temporary_name(path).unlink(missing_ok=True)

    def _publish(self) -> None:
        sync(temporary_name(path) for path in self._pending)
        for path in self._pending:
            temporary_name(path).replace(path)
        sync({folder for path in self._pending for folder in (path.parent, path.parent.parent)})  # a day's may be new
        self.written = len(self._pending)
        for table, partitions in self._manifest.items():
            _merge_manifest(self.root, table, partitions)


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return `frame` as Parquet with fixed options: equal rows give equal bytes under the locked versions."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=3, statistics=True, row_group_size=122_880)
    return buffer.getvalue()


def _merge_manifest(root: Path, table: str, partitions: dict[str, dict[str, int | str]]) -> None:
    folder = root / MANIFEST_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{table}.json"
    with FileLock(folder / ".lock"):
        known = _known(file)
        merged = dict(sorted((known | partitions).items()))
        if merged != known:
            write_atomically(file, json.dumps(merged, indent=1).encode() + b"\n")


def _known(manifest: Path) -> dict[str, dict[str, int | str]]:
    try:
        known: dict[str, dict[str, int | str]] = json.loads(manifest.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DataError(
            "the manifest is not JSON", where=str(manifest), fix="remove it; generating the days again names them anew"
        ) from error
    return known
