"""One process at a time: locks that name their holder and are let go of when it dies."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from claims_pipeline.errors import ServiceError
from claims_pipeline.processes import identify, read_pid_file, write_pid_file


@contextmanager
def one_at_a_time(lock: Path, *, on_wait: Callable[[str], None], seconds: float = -1) -> Iterator[None]:
    """Hold a lock between processes for a `with` block; a holder that dies lets go of it.

    Args:
        lock: lock file; beside it lies a pid file that names the holder.
        on_wait: called once, with the holder's name, if another process holds the lock.
        seconds: how long to wait for it then; for ever if negative.

    Raises:
        ServiceError: the lock was not to be had in time.
        OSError: the lock file cannot be written.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    holder_file = lock.with_name(f"{lock.name}.holder")
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        on_wait(_holder_name(holder_file))
        try:
            held.acquire(timeout=seconds)
        except Timeout:
            raise ServiceError(
                f"{_holder_name(holder_file)} has been at work for more than {seconds:.0f} s",
                where=str(lock),
                fix="wait for it or end it",
            ) from None
    try:
        if me := identify(os.getpid()):
            write_pid_file(holder_file, me)
        yield
    finally:
        holder_file.unlink(missing_ok=True)
        held.release()


def _holder_name(holder_file: Path) -> str:
    holder = read_pid_file(holder_file)
    return f"another command (pid {holder.pid})" if holder else "another command"
