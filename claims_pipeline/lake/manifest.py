"""The manifest: rows, size and digest of every partition of a table, one JSON file a table."""

from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from claims_pipeline.errors import DataError
from claims_pipeline.files import write_atomically
from claims_pipeline.schema import Table

FOLDER = "manifest"


class Entry(BaseModel):
    """What the manifest says of one file."""

    model_config = ConfigDict(frozen=True)

    rows: int
    bytes: int
    sha256: str


Entries = dict[str, Entry]
"""By day or year as text; the one file of a table that is neither daily nor yearly has the empty text."""

_ENTRIES = TypeAdapter(Entries)


def manifest_lock(root: Path) -> FileLock:
    """Return the lock that a process holds while it changes the manifest of the lake at `root`."""
    return FileLock(root / FOLDER / ".lock")  # makes the folder too


def read_manifest(root: Path, table: Table) -> Entries:
    """Return what the manifest of a table says, nothing if there is none.

    Raises:
        DataError: the manifest is damaged.
    """
    file = _path(root, table)
    try:
        return _ENTRIES.validate_json(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        raise DataError(
            f"the manifest of {table.name} is damaged",
            where=str(file),
            fix="remove it; claims generate writes it anew",
        ) from error


def write_manifest(root: Path, table: Table, entries: Mapping[str, Entry]) -> None:
    """Replace the manifest of a table."""
    # of a thousand days the json module, which indents in Python, takes ten times as long
    write_atomically(_path(root, table), _ENTRIES.dump_json(dict(sorted(entries.items())), indent=1) + b"\n")


def _path(root: Path, table: Table) -> Path:
    return root / FOLDER / f"{table.name}.json"
