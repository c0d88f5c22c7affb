"""Files that a reader never sees half of, and their digests."""

import hashlib
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from claims_pipeline.processes import identify

SYNC_ALL_ABOVE = 16
"""More files than this are synced by one sync(2): 1,095 fsyncs take seconds, one sync takes one flush."""


def sync(paths: Iterable[Path]) -> None:
    """Return when the content of `paths` is on disk."""
    paths = list(paths)
    if len(paths) > SYNC_ALL_ABOVE and sys.platform == "linux":  # elsewhere sync(2) may return early
        os.sync()
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by `content`: a reader sees the old file or the new one, also after a crash."""
    temporary = temporary_name(path)
    try:
        temporary.write_bytes(content)
        sync([temporary])
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """Return a name beside `path` that no reader looks at and no other process uses.

    With the host's name: on shared storage each container has a process 1.
    """
    return path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that processes of this machine left when they were killed."""
    for leftover in path.parent.glob(f".{path.name}.{socket.gethostname()}-*.tmp"):
        pid = leftover.stem.rpartition("-")[2]
        if pid.isdigit() and identify(int(pid)) is None:
            leftover.unlink(missing_ok=True)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex characters."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
