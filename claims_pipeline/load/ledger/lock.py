"""The lock of a ledger: one loader at a time writes with it.

The kernel holds the lock, on a file beside the ledger, and releases it when the process dies, in whatever way and in
whatever container. A row in the ledger says which process holds it.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import psutil
from filelock import FileLock, Timeout

from claims_pipeline.errors import LedgerUnusable, LoaderLocked
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.processes import ProcessIdentity, is_running

POLL_SECONDS = 0.5


@contextmanager
def holding_lock(ledger: Ledger, *, wait: bool = False, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the ledger's lock while the block runs.

    Args:
        ledger: the ledger.
        wait: wait until another loader is done, instead of failing.
        on_wait: called repeatedly while it waits.

    Raises:
        LoaderLocked: another loader holds it; the message says which.
        LedgerUnusable: the ledger cannot be written.
    """
    lock = FileLock(f"{ledger.database.path}.lock", is_singleton=False)
    while not _is_acquired(lock):
        if not wait:
            raise LoaderLocked(
                f"another loader writes with this ledger{_holder(ledger)}",
                where=str(ledger.path),
                fix="run the same command again when it is done (claims load --wait waits for it), or end it",
            )
        if on_wait is not None:
            on_wait()
        time.sleep(POLL_SECONDS)
    try:
        _record_holder(ledger)
        yield
    finally:
        with suppress(LedgerUnusable):  # the lock counts, not the row that names its holder
            _delete_holder(ledger)
        lock.release()


def is_held(ledger: Ledger) -> bool:
    """Return whether a loader writes with the ledger now, by the row that names it; the lock itself is not tried.

    A loader on another machine that was killed counts until the next one begins.
    """
    with ledger.reading() as connection:
        holder = connection.execute("SELECT host, pid, process_started FROM holder").fetchone()
    if holder is None:
        return False
    host, pid, started = holder
    return host != socket.gethostname() or is_running(ProcessIdentity(pid, started))


def _is_acquired(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise LedgerUnusable(
            f"the ledger cannot be locked: {error.strerror}", where=str(lock.lock_file), fix="make its folder writable"
        ) from error
    return True


def _holder(ledger: Ledger) -> str:
    with ledger.reading() as connection:
        row = connection.execute("SELECT pid, host, acquired_at FROM holder").fetchone()
    return ": process {} on {} since {}".format(*row) if row else ""


def _record_holder(ledger: Ledger) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with ledger.writing() as connection:
        connection.execute("DELETE FROM holder")
        connection.execute(
            "INSERT INTO holder (host, pid, process_started, acquired_at) VALUES (?, ?, ?, ?)",
            (socket.gethostname(), os.getpid(), psutil.Process().create_time(), now),
        )


def _delete_holder(ledger: Ledger) -> None:
    with ledger.writing() as connection:
        connection.execute("DELETE FROM holder")
