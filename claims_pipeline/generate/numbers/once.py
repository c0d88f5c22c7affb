"""Results that are computed once, also when several threads ask at the same time."""

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


_forget_large: list[Callable[[], None]] = []


def once(maxsize: int | None = None, *, is_large: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator like `functools.lru_cache`: threads that ask for a missing result wait for the one making it.

    Functions that call each other in a circle must not have it.

    Args:
        maxsize: how many results are kept.
        is_large: whether `forget_large` drops the results.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        remembered, lock = lru_cache(maxsize)(function), RLock()

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with lock:
                return remembered(*args, **kwargs)  # type: ignore[arg-type]

        call.cache_clear = remembered.cache_clear  # type: ignore[attr-defined]
        if is_large:
            _forget_large.append(remembered.cache_clear)
        return call

    return decorate


def forget_large() -> None:
    """Drop the results of the functions whose results are large; they are made again when they are asked for.

    With glibc, free memory is also returned to the system; otherwise the allocator keeps it for later allocations.
    """
    for forget in _forget_large:
        forget()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
