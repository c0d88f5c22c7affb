"""Results that are computed once, also when several threads ask at the same time."""

from collections.abc import Callable
from functools import lru_cache, wraps
from threading import RLock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(maxsize: int | None = None) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator like `functools.lru_cache`: threads that ask for a missing result wait for the one making it.

    Functions that call each other in a circle must not have it.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        remembered, lock = lru_cache(maxsize)(function), RLock()

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with lock:
                return remembered(*args, **kwargs)  # type: ignore[arg-type]

        call.cache_clear = remembered.cache_clear  # type: ignore[attr-defined]
        return call

    return decorate
