"""Promises of the sender that hold whatever the server refuses and whatever happens on the way.

Against a fake server, for the real one neither fails nor refuses as the property asks.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, log2

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.errors import ClaimsPipelineError, ServerUnavailable
from claims_pipeline.fhir_access import without_tls
from claims_pipeline.load.resource import LOADED, Resource, Result
from claims_pipeline.load.sending.bundles import bundles
from claims_pipeline.load.sending.client import FhirClient
from claims_pipeline.load.sending.in_flight import InFlightLimit
from claims_pipeline.load.sending.send import Sender

BASE = "http://127.0.0.1/fhir"
REFUSAL = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "HAPI-0450: poison"}]}
PASSING = st.sampled_from(["503", "429", "reset", "answer lost", "timeout", "408"])

culprits_among = st.integers(1, 150).flatmap(
    lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1), max_size=8))
)


class NoPause(random.Random):
    """Chance that always says the shortest pause."""

    def uniform(self, a: float, b: float) -> float:
        return min(a, b)


@dataclass
class FakeServer:
    """Takes a transaction of PUT, or refuses it as a whole if it holds a culprit, without naming the culprit.

    Attributes:
        culprits: ids that it refuses.
        faults: what happens to the first requests instead.
        held: how often each id was written.
        requests: transactions that arrived.
    """

    culprits: set[str]
    faults: list[str] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            return httpx.Response(int(fault))
        if fault == "reset":
            raise httpx.ReadError("reset")
        if fault == "timeout":
            raise httpx.ReadTimeout("late")
        answer = self._transaction([entry["resource"]["id"] for entry in json.loads(request.content)["entry"]])
        if fault == "answer lost":
            raise httpx.RemoteProtocolError("closed")
        return answer

    def _transaction(self, ids: Sequence[str]) -> httpx.Response:
        if self.culprits & set(ids):
            return httpx.Response(400, json=REFUSAL)
        self.held.update({resource_id: self.held.get(resource_id, 0) + 1 for resource_id in ids})
        return created(len(ids))


def sent(
    server: Callable[[httpx.Request], httpx.Response], resources: Sequence[Resource], size: int, *, at_once: bool
) -> list[Result]:
    """Send bundles of `size`, all of them at once or one after another, and return the results."""
    results: list[Result] = []

    async def on_results(settled: Sequence[Result]) -> None:
        results.extend(settled)

    async def send() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(server), verify=without_tls()) as http:
            client = FhirClient(BASE, http, has_gzip=False)
            sender = Sender(client, InFlightLimit(4), 60.0, size, randomness=NoPause())
            deliveries = [sender.deliver(bundle, on_results) for bundle in bundles(resources, size)]
            if at_once:
                await asyncio.gather(*deliveries)
            else:
                for delivery in deliveries:
                    await delivery

    asyncio.run(send())
    return results


def created(count: int) -> httpx.Response:
    """Return the answer to a transaction of which every entry was created."""
    entries = [{"response": {"status": "201 Created", "etag": 'W/"1"'}} for _ in range(count)]
    return httpx.Response(200, json={"resourceType": "Bundle", "entry": entries})


def patients(count: int) -> list[Resource]:
    return [Resource("Patient", str(n), "", "", "test", f'{{"id":"{n}"}}', []) for n in range(count)]


def ids_of(results: Sequence[Result], *outcomes: str) -> list[str]:
    return sorted(result.resource.resource_id for result in results if result.outcome in outcomes)


@pytest.mark.heavy
@given(culprits_among)
def test_exactly_the_refused_ones_are_rejected_in_a_bounded_number_of_requests(
    drawn: tuple[int, set[int]],
) -> None:
    count, culprits = drawn
    server = FakeServer({str(number) for number in culprits})

    results = sent(server, patients(count), count, at_once=True)

    everything = {str(number) for number in range(count)}
    assert ids_of(results, "rejected") == sorted(server.culprits)
    assert ids_of(results, *LOADED) == sorted(everything - server.culprits) == sorted(server.held)
    assert set(server.held.values()) <= {1}
    further = server.requests - 1
    assert further <= len(culprits) * 2 * ceil(log2(count))
    assert further <= 2 * count - 2


@pytest.mark.heavy
@given(culprits_among, st.integers(1, 40), st.lists(PASSING, max_size=12))
def test_whatever_passes_on_the_way_each_resource_has_one_end_and_no_neighbour_is_harmed(
    drawn: tuple[int, set[int]], size: int, faults: list[str]
) -> None:
    count, culprits = drawn
    server = FakeServer({str(number) for number in culprits}, list(faults))

    results = sent(server, patients(count), size, at_once=True)

    everything = sorted(map(str, range(count)))
    assert sorted(result.resource.resource_id for result in results) == everything
    assert ids_of(results, "rejected") == sorted(server.culprits)
    assert ids_of(results, *LOADED) == sorted(server.held)
    bound = ceil(count / size) + len(culprits) * 2 * ceil(log2(size)) + len(faults)
    assert server.requests <= bound


MEGABYTE = 1_000_000
NARROW = [
    pytest.param(25, MEGABYTE, 170, id="25 entries"),
    pytest.param(100, 30_000, 250, id="30 kB"),
    pytest.param(25, 30_000, 300, id="25 entries and 30 kB"),
]


@dataclass
class NarrowServer:
    """Takes a transaction unless it is too large, by its entries or by its bytes."""

    most_entries: int
    most_bytes: int
    accepted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        count = len(json.loads(request.content)["entry"])
        if count > self.most_entries or len(request.content) > self.most_bytes:
            self.refused.append(count)
            return httpx.Response(413)
        self.accepted.append(count)
        return created(count)


def patient_of(number: int, characters: int) -> Resource:
    return Resource("Patient", str(number), "", "", "test", json.dumps({"id": str(number), "x": "x" * characters}), [])


def test_one_large_resource_costs_a_few_requests_and_leaves_the_other_bundles_as_they_were() -> None:
    resources = [patient_of(number, 2 * MEGABYTE if number == 1234 else 500) for number in range(3000)]
    server = NarrowServer(100, MEGABYTE)

    results = sent(server, resources, 100, at_once=False)

    assert ids_of(results, "rejected") == ["1234"]
    assert len(ids_of(results, *LOADED)) == 2999
    assert len(server.refused) <= 3
    assert len(server.accepted) <= 29 + 2


@pytest.mark.heavy
def test_two_resources_that_do_not_fit_together_leave_the_other_bundles_as_they_were() -> None:
    resources = [patient_of(number, 600_000 if number in {1234, 1235} else 500) for number in range(3000)]
    server = NarrowServer(100, MEGABYTE)

    results = sent(server, resources, 100, at_once=False)

    assert len(ids_of(results, *LOADED)) == 3000
    assert len(server.refused) + len(server.accepted) <= 30 + 4


@pytest.mark.heavy
@pytest.mark.parametrize(("most_entries", "most_bytes", "most_bundles"), NARROW)
@pytest.mark.parametrize("has_large_ones_first", [True, False])
def test_the_limit_of_a_server_is_learnt_and_seldom_met_again(
    most_entries: int, most_bytes: int, most_bundles: int, has_large_ones_first: bool
) -> None:
    randomness = random.Random(7)  # noqa: S311 - a test repeats itself
    small = [patient_of(number, randomness.randrange(300, 400)) for number in range(2000)]
    large = [patient_of(number, randomness.randrange(2_000, 2_500)) for number in range(2000, 4000)]
    server = NarrowServer(most_entries, most_bytes)

    results = sent(server, [*large, *small] if has_large_ones_first else [*small, *large], 100, at_once=False)

    assert len(ids_of(results, *LOADED)) == 4000
    assert len(server.refused) <= 10
    assert len(server.accepted) <= most_bundles


@given(st.integers(1, 32), st.lists(st.one_of(st.floats(0.001, 10.0), st.none()), max_size=200))
def test_however_answers_come_the_server_gets_at_least_one_and_at_most_the_allowed_requests(
    maximum: int, answers: list[float | None]
) -> None:
    limit = InFlightLimit(maximum)

    for seconds in answers:
        before = limit.size
        if seconds is None:
            limit.on_overload(began=float("inf"))
            assert limit.size == max(1, before // 2)
        else:
            limit.on_answer(seconds)
            assert before <= limit.size <= before + 1
        assert 1 <= limit.size <= maximum


def sender_of(http: httpx.AsyncClient, limit: InFlightLimit | None = None, *, largest: int = 100) -> Sender:
    client = FhirClient(BASE, http, has_gzip=False)
    return Sender(client, limit or InFlightLimit(4), 60.0, largest, randomness=NoPause())


def test_what_stopped_a_sender_first_is_the_reason_also_of_what_it_deletes() -> None:
    first, second = ServerUnavailable("first"), ServerUnavailable("second")

    async def stopped() -> list[object]:
        async with httpx.AsyncClient(verify=without_tls()) as http:
            sender = sender_of(http)
            before = sender.stopped
            sender.deleting().stop(first)
            sender.stop(second)
            return [before, sender.stopped, sender.deleting().stopped]

    assert asyncio.run(stopped()) == [None, first, first]


def test_a_pause_that_the_server_asks_for_holds_for_all_bundles() -> None:
    arrived: list[float] = []

    def busy_twice(_: httpx.Request) -> httpx.Response:
        arrived.append(time.monotonic())
        headers = {"Retry-After": "0.15"} if len(arrived) == 1 else {}
        return httpx.Response(503, headers=headers) if len(arrived) <= 2 else created(1)

    results = sent(busy_twice, patients(2), 1, at_once=True)

    assert [result.outcome for result in results] == ["created", "created"]
    assert min(arrived[2:]) - arrived[0] >= 0.15


def test_a_sender_that_is_stopped_does_not_wait_for_its_pause_to_end() -> None:
    async def stopped() -> list[Result]:
        results: list[Result] = []

        async def on_results(settled: Sequence[Result]) -> None:
            results.extend(settled)

        busy = httpx.MockTransport(lambda _: httpx.Response(503, headers={"Retry-After": "60"}))
        async with httpx.AsyncClient(transport=busy, verify=without_tls()) as http:
            sender = sender_of(http)
            delivery = asyncio.create_task(sender.deliver(patients(3), on_results))
            while not sender.client.traffic.retries:
                await asyncio.sleep(0)
            sender.stop(ServerUnavailable("enough"))
            await asyncio.wait_for(delivery, 10)
        return results

    results = asyncio.run(stopped())

    assert [(result.outcome, result.http_status) for result in results] == [("failed", 503)] * 3


@pytest.mark.parametrize(("size", "counts"), [(49, False), (50, True)])
def test_the_latency_of_bundles_of_less_than_half_the_size_says_nothing(
    monkeypatch: pytest.MonkeyPatch, size: int, counts: bool
) -> None:
    seconds: list[float] = []
    limit = InFlightLimit(4)
    monkeypatch.setattr(limit, "on_answer", seconds.append)

    async def latencies() -> list[float]:
        async def on_results(_: Sequence[Result]) -> None: ...

        always = httpx.MockTransport(lambda _: created(size))
        async with httpx.AsyncClient(transport=always, verify=without_tls()) as http:
            sender = sender_of(http, limit, largest=100)
            await sender.deliver(patients(size), on_results)
            return sender.client.traffic.latencies

    measured = asyncio.run(latencies())

    assert len(measured) == 1
    assert seconds == (measured if counts else [])


@pytest.mark.parametrize(("status", "limit"), [(503, 2), (502, 4)])
def test_only_an_overload_halves_the_requests_at_once(status: int, limit: int) -> None:
    async def limited() -> int:
        async def on_results(_: Sequence[Result]) -> None: ...

        answers = iter([httpx.Response(status), created(1)])
        transport = httpx.MockTransport(lambda _: next(answers))
        async with httpx.AsyncClient(transport=transport, verify=without_tls()) as http:
            at_once = InFlightLimit(4)
            for _ in range(20):
                at_once.on_answer(0.1)
            await sender_of(http, at_once).deliver(patients(1), on_results)
            return at_once.size

    assert asyncio.run(limited()) == limit


def test_a_server_that_takes_nothing_for_long_is_named() -> None:
    async def stopped() -> tuple[ClaimsPipelineError | None, list[str]]:
        outcomes: list[str] = []

        async def on_results(settled: Sequence[Result]) -> None:
            outcomes.extend(result.outcome for result in settled)

        failing = httpx.MockTransport(lambda _: httpx.Response(502))
        async with httpx.AsyncClient(transport=failing, verify=without_tls()) as http:
            sender = replace(sender_of(http), patience_seconds=0.0)
            await sender.deliver(patients(2), on_results)
            return sender.stopped, outcomes

    error, outcomes = asyncio.run(stopped())

    assert outcomes == ["failed", "failed"]
    assert isinstance(error, ServerUnavailable)
    assert error.message == "the FHIR server accepted nothing for 0 s: HTTP 502: no reason given"
    assert error.where == BASE


def test_a_bundle_that_is_always_in_trouble_is_sent_in_parts_while_others_are_accepted() -> None:
    deadlock = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "ERROR: deadlock detected"}]}
    of_culprit: list[int] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        ids = [entry["resource"]["id"] for entry in json.loads(request.content)["entry"]]
        if "0" not in ids:
            return created(len(ids))
        of_culprit.append(len(ids))
        return httpx.Response(409, json=deadlock)

    async def send() -> list[Result]:
        results: list[Result] = []

        async def on_results(settled: Sequence[Result]) -> None:
            results.extend(settled)

        async def ignored(_: Sequence[Result]) -> None: ...

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), verify=without_tls()) as http:
            sender = replace(sender_of(http), patience_seconds=5.0)
            delivery = asyncio.create_task(sender.deliver(patients(16), on_results))
            while not delivery.done():
                await sender.deliver(patients(17)[16:], ignored)
        return results

    results = asyncio.run(send())

    assert ids_of(results, "failed") == ["0"]
    assert len(ids_of(results, "created")) == 15
    assert Counter(of_culprit) == {16: 6, 8: 2, 4: 2, 2: 2, 1: 6}
