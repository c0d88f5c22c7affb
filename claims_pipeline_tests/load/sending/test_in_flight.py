"""The limit of requests at once: it never reaches zero, and one overload halves it once."""

import asyncio
import time

import pytest

from claims_pipeline.load.sending.in_flight import InFlightLimit


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


def test_more_requests_are_under_way_while_latency_holds_and_half_after_an_overload() -> None:
    limit = InFlightLimit(8)
    assert limit.size == 2

    for _ in range(50):
        limit.on_answer(0.1)
    assert limit.size == 8

    limit.on_overload(began=float("inf"))
    assert limit.size == 4


@pytest.mark.parametrize(("answers", "slow"), [(2, 10.0), (5, 1.0)])
def test_no_more_requests_are_added_when_the_server_slows_down(answers: int, slow: float) -> None:
    limit = InFlightLimit(8)
    for _ in range(answers):
        limit.on_answer(0.1)
    reached = limit.size

    for _ in range(50):
        limit.on_answer(slow)

    assert limit.size == reached


def test_one_overload_halves_once_however_many_requests_report_it() -> None:
    limit = InFlightLimit(16)
    for _ in range(200):
        limit.on_answer(0.1)

    for _ in range(10):
        limit.on_overload(began=0.0)

    assert limit.size == 8


def test_what_was_measured_of_other_resources_does_not_count() -> None:
    limit = InFlightLimit(8)
    limit.on_answer(0.1)
    for _ in range(50):
        limit.on_answer(10.0)
    assert limit.size == 2

    limit.expect_other_latency()
    for _ in range(50):
        limit.on_answer(10.0)
    assert limit.size == 8


def test_the_limit_grows_by_one_after_each_round_of_answers() -> None:
    limit = InFlightLimit(5)
    sizes = []
    for _ in range(13):
        limit.on_answer(0.1)
        sizes.append(limit.size)

    assert sizes == [2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5]
    assert [size for _, size in limit.history] == [2, 3, 4, 5]
    assert all(0 <= seconds < 60 for seconds, _ in limit.history)


@pytest.mark.parametrize(("seconds", "size"), [(1.1, 3), (1.2, 2)])
def test_a_latency_of_three_times_the_best_is_tolerated(seconds: float, size: int) -> None:
    limit = InFlightLimit(8)
    limit.on_answer(0.1)

    limit.on_answer(0.1)  # a round
    limit.on_overload(float("inf"))
    limit.on_answer(seconds)  # smoothed: 0.8 * 0.1 + 0.2 * 1.1 = 3 * 0.1

    assert limit.size == size - 1


def test_an_overload_after_another_halves_again() -> None:
    limit = InFlightLimit(8)
    for _ in range(100):
        limit.on_answer(0.1)

    limit.on_overload(time.monotonic())
    assert limit.size == 4
    limit.on_overload(time.monotonic())
    assert limit.size == 2


def test_a_place_that_is_released_goes_to_whoever_waits() -> None:
    async def sending() -> list[str]:
        limit, order = InFlightLimit(1), []

        async def one(name: str) -> None:
            await limit.acquire()
            order.append(f"{name} with {limit.in_flight}")
            await asyncio.sleep(0)
            await limit.release()

        await asyncio.wait_for(asyncio.gather(one("a"), one("b"), one("c")), 10)
        assert limit.in_flight == 0
        return order

    assert asyncio.run(sending()) == ["a with 1", "b with 1", "c with 1"]
