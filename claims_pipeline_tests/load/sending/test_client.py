"""Waiting for a server, and the limit of requests at once: it never reaches zero, and one overload halves it once."""

import asyncio
import time

import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.load.sending.client import InFlightLimit, connect, wait_until_ready
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Response, everything, outcome, times


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


def ready(target: Settings, *, seconds: float = 0) -> int:
    """Return the status of the answer for which was waited."""

    async def asked() -> int:
        async with connect(target) as client:
            return (await wait_until_ready(client, "Basic/x", seconds=seconds)).status_code

    return asyncio.run(asked())


@pytest.mark.parametrize("status", [404, 410])
def test_a_server_that_does_not_have_the_resource_is_ready(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(lambda _: outcome(status, "HAPI-2001: not known"))

    assert ready(fake_target) == status


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Response(200, b"<html>welcome</html>"), "HTTP 200"),
        (Response(404, b"<html>nothing here</html>"), "HTTP 404"),
        (outcome(400, "HAPI-0302: what?"), "HTTP 400"),
        (Response(200, [1]), "HTTP 200"),
        (Response(302, b"", {"location": "https://sign-in.example"}), "it redirects to https://sign-in.example"),
        (Response(302, b""), "it redirects to elsewhere"),
    ],
)
def test_an_address_without_a_fhir_server_is_reported_at_once(
    fake_server: FakeServer, fake_target: Settings, answer: Response, problem: str
) -> None:
    fake_server.behave(lambda _: answer)

    with pytest.raises(FhirError, match=f"no FHIR server at this address: .*{problem}"):
        ready(fake_target, seconds=20)
    assert len(fake_server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_denies_access_is_reported_at_once(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(everything(status))

    with pytest.raises(FhirError, match=f"denies access: HTTP {status}"):
        ready(fake_target, seconds=20)
    assert len(fake_server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_starts_is_waited_for_and_one_that_may_not_be_is_asked_once(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(times(3, everything(status)))

    with pytest.raises(ServerUnavailable, match=f"did not answer: HTTP {status}"):
        ready(fake_target, seconds=0)
    assert len(fake_server.requests) == 1
    assert ready(fake_target, seconds=20) == 404
    assert len(fake_server.requests) == 4
