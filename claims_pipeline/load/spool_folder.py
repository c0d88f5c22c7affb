"""The folder in which a load of files spools what it reads, and the removal of what killed loads left."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from claims_pipeline.load.sources.files import not_spoolable


@contextmanager
def spool_folder(home: Path, ledger_path: Path, *, is_dry_run: bool) -> Iterator[Path]:
    """Yield the folder to spool in, emptied of what killed loads and dry runs with the same ledger left.

    Only the holder of the ledger's lock uses that of a load. A dry run, which may run beside it, has one of its own.

    Raises:
        DataError: the folder of a dry run cannot be made.
    """
    of_load = home / "spool" / sha256(str(ledger_path.absolute()).encode()).hexdigest()[:16]
    for of_dry_run in of_load.parent.glob(f"{of_load.name}-dry-run-*"):
        _remove_unless_locked(of_dry_run)
    if is_dry_run:
        with _locked(of_load.with_name(f"{of_load.name}-dry-run-{uuid4().hex}")) as folder:
            yield folder
    else:
        shutil.rmtree(of_load, ignore_errors=True)
        yield of_load


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Make a folder and hold its lock, which the kernel releases when the process dies; remove it at the end."""
    lock = _lock_of(folder)
    try:
        folder.mkdir(parents=True)
        lock.acquire()
    except OSError as error:
        raise not_spoolable(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        with suppress(OSError):  # not empty: another load is at work
            folder.parent.rmdir()


def _remove_unless_locked(folder: Path) -> None:
    with suppress(Timeout, OSError), _lock_of(folder).acquire(blocking=False):
        shutil.rmtree(folder, ignore_errors=True)


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / ".lock", is_singleton=False)
