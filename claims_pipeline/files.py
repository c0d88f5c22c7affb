"""Atomic replacement of files, folders that only their owner can enter, and digests.

A file is replaced by writing a temporary one beside it, flushing that to disk and renaming it; then the folder is
flushed too, so that the new name survives a power cut as well as the content.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

OWNER_ONLY, OWNER_ONLY_FOLDER = 0o600, 0o700
SYNC_ALL_ABOVE = 16
"""More files than this are flushed by one sync(2): 1,095 fsyncs take seconds, one sync takes one flush."""


@contextmanager
def replacing(path: Path, *, owner_only: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; the file written there replaces `path` when the `with` block ends.

    A reader sees the old file or the new one, also after a crash. An error in the block leaves `path` as it was.

    Args:
        path: file to replace; its folder exists.
        owner_only: create the file readable by its owner only.
    """
    remove_leftovers(path)
    temporary = temporary_name(path)
    temporary.unlink(missing_ok=True)  # an earlier process with the same pid may have left one
    try:
        if owner_only:
            temporary.touch(mode=OWNER_ONLY)
        yield temporary
        sync([temporary])
        temporary.replace(path)
        sync([path.parent])
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes, *, owner_only: bool = False) -> None:
    """Replace the content of `path`: a reader sees the old file or the new one, also after a crash."""
    with replacing(path, owner_only=owner_only) as temporary:
        temporary.write_bytes(content)


def make_private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter; restrict an existing one, unless it belongs to another user."""
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
    with suppress(PermissionError):
        folder.chmod(OWNER_ONLY_FOLDER)


def sync(paths: Iterable[Path]) -> None:
    """Flush files and folders to disk, and return when their content and names are stored."""
    paths = list(paths)
    if len(paths) > SYNC_ALL_ABOVE and sys.platform == "linux":  # elsewhere sync(2) may return early
        os.sync()
        return
    for path in paths:
        if os.name != "posix" and path.is_dir():  # only POSIX systems open folders
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def temporary_name(path: Path) -> Path:
    """Return a temporary name beside `path` that readers ignore and no other process uses.

    It contains the host's name: on shared storage each container has a process 1.
    """
    return path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that killed processes of this machine left behind."""
    for leftover in path.parent.glob(f".{path.name}.{socket.gethostname()}-*.tmp"):
        pid = leftover.stem.rpartition("-")[2]
        if pid.isdigit() and not _is_alive(int(pid)):
            leftover.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex characters."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
