"""Free disk space: PostgreSQL stops when it runs out of it, and does not start again before some is free."""

import shutil
from collections.abc import Callable
from pathlib import Path

from claims_pipeline.errors import ServiceError

FIRST_START_BYTES = 200_000_000
"""An empty FHIR server takes 51 MB, and PostgreSQL's write-ahead log 80 MB more when it is first used."""

LEAST_BYTES = 50_000_000
"""PostgreSQL extends its write-ahead log by files of 16 MB, and HAPI FHIR writes some as it starts."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes on a folder's disk for users other than root; the folder need not exist yet."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def require_space(
    folder: Path, needed: int, *, what: str, setting: str, free: Callable[[Path], int] = free_bytes
) -> None:
    """Check that the disk of a folder has room for `what`.

    Args:
        folder: where it is to be written.
        needed: bytes.
        what: what is to be written, as the subject of a sentence.
        setting: environment variable that moves the folder.
        free: returns the free bytes of the disk of a folder.

    Raises:
        ServiceError: there is not enough; the message says what is free and what is needed.
    """
    if (left := free(folder)) < needed:
        raise ServiceError(
            f"the disk is full: {what} needs {needed / 1e6:,.0f} MB, {left / 1e6:,.0f} MB are free",
            where=str(folder),
            fix=f"make room, or set {setting} to a folder on another disk",
        )
