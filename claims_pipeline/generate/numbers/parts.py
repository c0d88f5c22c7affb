"""Claims in parts, so that memory stays flat as their number grows and several threads can work on them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import numpy as np

from claims_pipeline.generate.numbers.draws import Integers, narrowed

CLAIMS_A_PART = 50_000
"""About this many claims are worked on at a time in each thread. What comes out does not depend on it."""

Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Calls a function with each of some parts and returns the results in their order: `map`, or that of a pool."""

T = TypeVar("T")
R = TypeVar("R")


def in_order(pool: Executor, function: Callable[[T], R], items: Iterable[T], jobs: int) -> Iterator[R]:
    """Yield what a function returns for each item, in order; of items that wait for a job there is one at most.

    The `map` of a pool would take all items at once.
    """
    waiting: deque[Future[R]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > jobs:
            yield waiting.popleft().result()
    for result in waiting:
        yield result.result()


def parts_of(count: int) -> list[slice]:
    """Return the positions of `count` claims in consecutive parts; there is one at least."""
    return [slice(begin, begin + CLAIMS_A_PART) for begin in range(0, max(count, 1), CLAIMS_A_PART)]


def parts_by_person(person: Integers) -> list[Integers]:
    """Return the positions of claims in parts with all claims of a person, in the order of people and of positions.

    No part is empty: without claims there is none.
    """
    if not len(person):
        return []
    order = narrowed(np.argsort(person, kind="stable"))  # all parts are views of it
    of_person = person[order]
    cuts = np.unique(np.searchsorted(of_person, of_person[CLAIMS_A_PART::CLAIMS_A_PART]))
    return np.split(order, cuts[cuts > 0])
