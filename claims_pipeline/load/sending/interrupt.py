"""Ctrl-C and SIGTERM: send nothing more, wait for what is in flight, report."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from claims_pipeline.errors import Interrupted
from claims_pipeline.load.sending.send import Sender

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
        sender.stop(
            Interrupted(f"interrupted by {number.name}", fix="run the same command again: it goes on where it was")
        )
        loop.remove_signal_handler(number)

    caught = []
    for number in SIGNALS:
        try:
            loop.add_signal_handler(number, stop, number)
        except NotImplementedError:
            break
        caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
