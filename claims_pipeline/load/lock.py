"""One loader at a time writes with a ledger: a row with the process's id and start time.

A process that was killed leaves its row behind; the next loader sees that it no longer runs and takes over.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from claims_pipeline.errors import LoaderLocked
from claims_pipeline.load.ledger import LOCK, Ledger
from claims_pipeline.processes import ProcessIdentity, identify, is_running

POLL_SECONDS = 0.5
NAME = "loader"


@contextmanager
def holding_lock(ledger: Ledger, *, wait: bool = False) -> Iterator[None]:
    """Hold the ledger's lock while the block runs.

    Args:
        ledger: the ledger.
        wait: wait until another loader is done, instead of failing.

    Raises:
        LoaderLocked: another loader holds it; the message says which.
    """
    me = identify(os.getpid())
    if me is None:
        raise LoaderLocked("this process cannot be identified", fix="see whether /proc is readable")
    while (holder := _acquire(ledger, me)) is not None:
        if not wait:
            raise LoaderLocked(
                f"another loader writes with this ledger: process {holder.pid} on {holder.host} "
                f"since {holder.acquired_at}",
                where=str(ledger.path),
                fix="wait until it is done (--wait), or end it and run the same command again",
            )
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        with ledger.writing() as connection:
            connection.execute(sa.delete(LOCK).where(LOCK.c.pid == me.pid, LOCK.c.process_started == me.started))


def _acquire(ledger: Ledger, me: ProcessIdentity) -> "sa.Row[tuple[str, int, float, str]] | None":
    with ledger.writing() as connection:
        columns = (LOCK.c.host, LOCK.c.pid, LOCK.c.process_started, LOCK.c.acquired_at)
        holder = connection.execute(sa.select(*columns)).first()
        if holder is not None and _lives(holder):
            return holder
        connection.execute(sa.delete(LOCK))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(
            sa.insert(LOCK).values(
                name=NAME, host=socket.gethostname(), pid=me.pid, process_started=me.started, acquired_at=now
            )
        )
    return None


def _lives(holder: "sa.Row[tuple[str, int, float, str]]") -> bool:
    """A process of another machine cannot be looked at, so it counts as alive."""
    if holder.host != socket.gethostname():
        return True
    return is_running(ProcessIdentity(holder.pid, holder.process_started))
