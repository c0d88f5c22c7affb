"""Signals that end a program: their handling in this process and in the programs that it starts."""

import errno
import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, `kill`, and a terminal that was closed."""

_ignored: set[int] = set()
"""Signals that this process ignored when `ending_like_ctrl_c` began, while it lasts."""

LAUNCHER = (
    "import os, signal, sys\n"
    "for number in map(int, sys.argv[1].split(',')): signal.signal(number, signal.SIG_DFL)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])"
)
"""Program that gives some signals their default action and becomes another program.

(A function that runs between fork and exec could do the same, but is not safe in a program with threads.)
"""


def with_default_signals(command: Sequence[str | Path]) -> Sequence[str | Path]:
    """Return the command that runs a program with the default action of each signal.

    Without it, the program would inherit the signals that this process ignores. A program that a script starts in the
    background ignores SIGINT, and Dagster makes SIGTERM do what SIGINT does: such a Dagster could only be killed.

    Raises:
        FileNotFoundError: there is no such program.
    """
    ignored = [str(int(number)) for number in SIGNALS if signal.getsignal(number) is signal.SIG_IGN]
    if not ignored:  # a signal that is handled here has its default action in a new program
        return command
    if shutil.which(command[0]) is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(command[0]))
    return [sys.executable, "-I", "-S", "-c", LAUNCHER, ",".join(ignored), *command]


def is_ignored(number: signal.Signals) -> bool:
    """Tell whether this process is to ignore a signal, as a program in the background of a script ignores SIGINT."""
    return number in _ignored or signal.getsignal(number) is signal.SIG_IGN


@contextmanager
def handlers_restored() -> Iterator[None]:
    """Restore the signal handlers after a `with` block that changes them, as a run of Dagster does."""
    if threading.current_thread() is not threading.main_thread():  # no other thread may change them
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: it was not set from Python
                signal.signal(number, handler)


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Make each signal in `SIGNALS`, except ignored ones, raise KeyboardInterrupt in a `with` block.

    One handler tells the signals apart, because Dagster gives SIGTERM the handler of SIGINT: where SIGINT is ignored,
    as in the background of a script, SIGTERM still ends the block.
    """
    ignored = {number for number in SIGNALS if is_ignored(number)}

    def end(number: int, _: FrameType | None) -> None:
        if number not in ignored:
            raise KeyboardInterrupt

    with handlers_restored(), _no_traceback_of_it():
        for number in SIGNALS:
            signal.signal(number, end)
        of_this_block = ignored - _ignored
        _ignored.update(of_this_block)
        try:
            yield
        finally:
            _ignored.difference_update(of_this_block)


@contextmanager
def _no_traceback_of_it() -> Iterator[None]:
    """Suppress log records of a KeyboardInterrupt in a `with` block; SQLAlchemy's pool logs one and raises it again."""

    def is_of_something_else(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))

    handler = logging.lastResort
    if handler is None:
        yield
        return
    handler.addFilter(is_of_something_else)
    try:
        yield
    finally:
        handler.removeFilter(is_of_something_else)
