"""The limit of requests at once: it never reaches zero, and one overload halves it once."""

import asyncio
import time

from claims_pipeline.load.sending.client import InFlightLimit


def test_however_often_the_server_is_overloaded_one_request_may_be_under_way() -> None:
    async def overloaded() -> int:
        limit = InFlightLimit(8)
        for _ in range(5):
            limit.on_overload(began=float("inf"))
        assert limit.size == 1
        await asyncio.wait_for(limit.acquire(), 1)
        return limit.in_flight

    assert asyncio.run(overloaded()) == 1


def test_requests_that_were_under_way_together_halve_it_once() -> None:
    limit = InFlightLimit(8)
    for _ in range(100):
        limit.on_answer(0.1)
    assert limit.size == 8
    together = time.monotonic()

    for _ in range(8):
        limit.on_overload(together)

    assert limit.size == 4


def test_a_limit_of_one_stays_one() -> None:
    limit = InFlightLimit(1)
    for _ in range(10):
        limit.on_answer(0.1)

    assert (limit.size, limit.history) == (1, [(limit.history[0][0], 1)])


def test_it_does_not_grow_while_the_latency_is_three_times_the_best() -> None:
    limit = InFlightLimit(8)
    for _ in range(2):
        limit.on_answer(0.1)
    grown = limit.size
    for _ in range(50):
        limit.on_answer(10.0)

    assert limit.size == grown


def test_more_requests_are_under_way_while_latency_holds_and_half_after_an_overload() -> None:
    limit = InFlightLimit(8)
    assert limit.size == 2

    for _ in range(50):
        limit.on_answer(0.1)
    assert limit.size == 8

    limit.on_overload(began=float("inf"))
    assert limit.size == 4


def test_no_more_requests_are_added_when_the_server_slows_down() -> None:
    limit = InFlightLimit(8)
    for _ in range(5):
        limit.on_answer(0.1)
    reached = limit.size

    for _ in range(50):
        limit.on_answer(1.0)

    assert limit.size == reached


def test_one_overload_halves_once_however_many_requests_report_it() -> None:
    limit = InFlightLimit(16)
    for _ in range(200):
        limit.on_answer(0.1)

    for _ in range(10):
        limit.on_overload(began=0.0)

    assert limit.size == 8
