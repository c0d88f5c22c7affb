"""Rotated logs of background processes: a file of at most `MAX_BYTES`, and a few older ones.

The programs that we start write to standard output and do not rotate their logs. A small process beside each reads
its output and writes the file; it ends when the last writer has ended. It imports nothing from this package, so that it
starts fast and stays small.
"""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 10_000_000
KEPT = 4
"""Older files: `hapi.log.1` is the one before `hapi.log`."""

END_SECONDS = 2.0
LINE_BYTES = 65_536
"""A longer line is written in parts."""

_writers: list[
    tuple[Path, subprocess.Popen[bytes]]
] = []  # kept, so that subprocess reaps them while this process lives


@contextmanager
def rotated(log: Path) -> Iterator[BinaryIO]:
    """Yield a file for a program's output, which is copied to `log`; `log` is rotated first.

    The program may continue to write after the `with` block.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        RotatingFileHandler(log, backupCount=KEPT, delay=True).doRollover()
    log.touch(mode=0o600)
    reader, writer = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", __file__, str(log), str(MAX_BYTES), str(KEPT)]
        process = subprocess.Popen(
            command,
            stdin=reader,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            umask=0o077,
        )
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    _writers[:] = [*((file, earlier) for file, earlier in _writers if earlier.poll() is None), (log, process)]
    with os.fdopen(writer, "wb") as output:
        yield output


def lines_of(log: Path) -> list[str]:
    """Return the lines of a log, including the last ones of a program that has just ended."""
    for file, process in _writers:
        if file == log:
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)
    return log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []


def write_rotated(source: BinaryIO, log: Path, *, max_bytes: int, kept: int) -> None:
    """Copy lines to a log until the source ends, and rotate the log whenever it is full."""
    handler = RotatingFileHandler(log, maxBytes=max_bytes, backupCount=kept, encoding="utf-8", errors="replace")
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.terminator = ""
    while line := source.readline(LINE_BYTES):
        handler.emit(logging.makeLogRecord({"msg": line.decode("utf-8", errors="replace")}))
    handler.close()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the last lines of programs that end are wanted
        signal.signal(number, signal.SIG_IGN)
    logging.raiseExceptions = False  # on a full disk lines are lost, but the program continues
    write_rotated(sys.stdin.buffer, Path(sys.argv[1]), max_bytes=int(sys.argv[2]), kept=int(sys.argv[3]))
