"""Ctrl-C and SIGTERM: while it sends, a load waits for what is in flight and reports; otherwise it ends at once."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from claims_pipeline.errors import Interrupted
from claims_pipeline.load.sending.send import Sender

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ending_on_interrupt() -> Iterator[None]:
    """Let the first signal end the block in order: what it made for itself is cleared away.

    Where signals cannot be caught (another thread than the main one) they do what they always do.

    Raises:
        Interrupted: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    came: list[str] = []

    def end(number: int, _: object) -> None:
        came.append(signal.Signals(number).name)
        raise KeyboardInterrupt  # which event loops let through; DuckDB makes an error of its own of it

    before = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    except BaseException as error:
        if came:
            raise _interrupted(came[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopping_on_interrupt(sender: Sender) -> Iterator[None]:
    """Stop the sender at the first signal while the block runs; a second one ends the program at once.

    Where signals cannot be caught (another thread than the main one, Windows) they do what they always do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        sender.stop(_interrupted(number.name))
        give_back(number)

    def give_back(number: signal.Signals) -> None:
        if number in before:
            loop.remove_signal_handler(number)
            signal.signal(number, before.pop(number))

    before = {}
    with suppress(NotImplementedError):
        for number in SIGNALS:
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, stop, number)
            before[number] = handler
    try:
        yield
    finally:
        for number in SIGNALS:
            give_back(number)


def _interrupted(name: str) -> Interrupted:
    return Interrupted(f"interrupted by {name}", fix="run the same command again: it goes on where it was")
