"""Runs the loader: to its end, in a thread beside an event loop, until it is cancelled or a signal comes.

The loader has an event loop of its own and also blocks: on SQLite, on DuckDB, on the lock of the ledger. So its
asynchronous forms run the synchronous ones in a thread, where they do not block the caller's loop, such as that of a
notebook or a web server. On Ctrl-C and SIGTERM, a load that sends waits for the requests in flight and reports;
otherwise it ends at once.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from types import FrameType
from typing import Any, ParamSpec, TypeVar, cast

from claims_pipeline.errors import ConfigError, Interrupted
from claims_pipeline.load.progress import OnProgress, Progress, silent
from claims_pipeline.load.sending.send import Sender
from claims_pipeline.signals import SIGNALS as ALL_SIGNALS
from claims_pipeline.signals import is_ignored

P = ParamSpec("P")
T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _Cancellation:
    """Cancels a load in another thread: its coroutine, or, between coroutines, at its next report of progress."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
    _is_cancelled: bool = False

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = True
            if self._running is not None:
                loop, task = self._running
                loop.call_soon_threadsafe(task.cancel)

    def check(self) -> None:
        if self._is_cancelled:
            raise asyncio.CancelledError

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        with self._lock:
            self._running = asyncio.get_running_loop(), task
            if self._is_cancelled:
                task.cancel()
        try:
            return await work
        finally:
            with self._lock:
                self._running = None


_CANCELLATION: ContextVar[_Cancellation | None] = ContextVar("_CANCELLATION", default=None)


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in an event loop of its own and return its result, as `asyncio.run`.

    If an asynchronous form of the loader runs in this thread, cancelling that cancels the coroutine. What the handler
    of a signal raises cancels it too, and is raised once the event loop has ended.
    """
    cancellation = _CANCELLATION.get()
    raised: list[BaseException] = []

    async def run() -> T:
        with _handling_signals_between_callbacks(raised):
            return await (cancellation.run(work) if cancellation else work)

    try:
        result = asyncio.run(run())
    except BaseException:
        if raised:
            raise raised[0] from None
        raise
    if raised:  # it came too late to cancel anything
        raise raised[0]
    return result


@contextmanager
def _handling_signals_between_callbacks(raised: list[BaseException]) -> Iterator[None]:
    """Call the handlers of signals in callbacks of the event loop; append what one raises, and cancel the task.

    A handler that Python calls between two lines of the event loop, and that raises there, can lose the callback that
    a task waits for: the loop then never ends. The same signal again calls its handler at once nevertheless, in case
    something blocks the event loop.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, task = asyncio.get_running_loop(), cast("asyncio.Task[Any]", asyncio.current_task())
    before = {number: handler for number in ALL_SIGNALS if callable(handler := signal.getsignal(number))}
    pending: set[int] = set()

    def receive(number: int, frame: FrameType | None) -> None:
        if number in pending:
            before[signal.Signals(number)](number, frame)
            return
        pending.add(number)
        loop.call_soon_threadsafe(call_handler, number)

    def call_handler(number: int) -> None:
        try:
            before[signal.Signals(number)](number, None)
        except BaseException as error:  # noqa: BLE001  # run_to_end raises it
            raised.append(error)
            task.cancel()
        else:
            pending.discard(number)

    for number in before:
        signal.signal(number, receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def require_no_event_loop(name: str) -> None:
    """Refuse to block the event loop that runs in this thread; `name` is the function that was called.

    Raises:
        ConfigError: an event loop runs; the message names the form to await.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigError(
        f"{name} cannot be called where an event loop runs already, such as in a notebook",
        fix=f"await {name}_async(...), which takes the same arguments",
    )


def in_thread(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return the asynchronous form of a function of the loader: the same arguments, result and errors.

    It runs in a thread. `on_progress` is called in the event loop of the caller. When it is cancelled, the function
    ends as after a crash, and nothing is lost: the next run sends again what was not confirmed.
    """

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        cancellation = _Cancellation()
        tell = cast("OnProgress", kwargs.get("on_progress", silent))

        def on_progress(progress: Progress) -> None:
            cancellation.check()
            loop.call_soon_threadsafe(tell, progress)

        def work() -> T:
            _CANCELLATION.set(cancellation)  # to_thread gives each call a context of its own
            return function(*args, **cast("Any", {**kwargs, "on_progress": on_progress}))

        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(thread)
        except asyncio.CancelledError:
            cancellation.cancel()
            await asyncio.wait([thread])  # the ledger's lock is free when this returns
            if not thread.cancelled():
                thread.exception()
            raise

    run.__name__ = run.__qualname__ = f"{function.__name__}_async"
    return run


@contextmanager
def ending_on_interrupt() -> Iterator[None]:
    """Raise `Interrupted` at the first signal, so that the block can remove its temporary files.

    A signal that the program ignores stays ignored. In another thread than the main one, where Python cannot catch
    signals, this changes nothing.

    Raises:
        Interrupted: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    signals: list[str] = []

    def end(number: int, _: object) -> None:
        signals.append(signal.Signals(number).name)
        raise KeyboardInterrupt  # event loops let it through; DuckDB turns it into an error of its own

    before = {number: signal.signal(number, end) for number in SIGNALS if not is_ignored(number)}
    try:
        yield
    except BaseException as error:
        if signals:
            raise _interrupted(signals[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stopping_on_interrupt(sender: Sender) -> Iterator[None]:
    """Stop the sender at the first signal while the block runs; a second one ends the program at once.

    A signal that the program ignores stays ignored. In another thread than the main one, and on Windows, this changes
    nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        sender.stop(_interrupted(number.name))
        restore(number)

    def restore(number: signal.Signals) -> None:
        if number in before:
            loop.remove_signal_handler(number)
            signal.signal(number, before.pop(number))

    before = {}
    with suppress(NotImplementedError):
        for number in (one for one in SIGNALS if not is_ignored(one)):
            handler = signal.getsignal(number)
            loop.add_signal_handler(number, stop, number)
            before[number] = handler
    try:
        yield
    finally:
        for number in SIGNALS:
            restore(number)


def _interrupted(name: str) -> Interrupted:
    return Interrupted(f"interrupted by {name}", fix="run the same command again: it continues where it stopped")
