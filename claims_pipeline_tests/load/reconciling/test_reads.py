"""Reading what the server holds, while it is busy and page by page."""

import asyncio
import threading
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.reconciling import reads
from claims_pipeline.load.reconciling.reads import (
    Stored,
    count,
    on_server,
    references_on_server,
    stored,
    unknown_types,
)
from claims_pipeline.load.sending.client import connect
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Response, everything, times
from claims_pipeline_tests.load.fake_server import stored as held
from claims_pipeline_tests.load.sources.samples import observation, patient


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that this thread waited, without waiting; those of others, such as a dashboard's, go on."""
    pauses: list[float] = []
    here, sleep_of_asyncio = threading.get_ident(), asyncio.sleep

    async def sleep(seconds: float) -> None:
        if threading.get_ident() != here:
            await sleep_of_asyncio(seconds)
        elif seconds:
            pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


def ask(target: Settings, question: str) -> int:
    async def asked() -> int:
        async with connect(target) as client:
            return await count(client, question)

    return asyncio.run(asked())


def test_a_busy_server_is_asked_again_and_again_with_longer_pauses(
    fake_server: FakeServer, fake_target: Settings, pauses: list[float]
) -> None:
    fake_server.behave(times(2, everything(429)))

    assert ask(fake_target, "Patient") == 0
    assert pauses == [0.5, 1.0]


def test_a_server_that_never_answers_is_given_up_after_eight_attempts(
    fake_server: FakeServer, fake_target: Settings, pauses: list[float]
) -> None:
    fake_server.behave(everything(503, "HAPI-0001: closed for today"))

    with pytest.raises(ServerUnavailable, match="cannot be read"):
        ask(fake_target, "Patient")
    assert len(fake_server.requests) == 8
    assert pauses == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]


def test_a_server_that_refuses_the_question_is_asked_once(
    fake_server: FakeServer, fake_target: Settings, pauses: list[float]
) -> None:
    with pytest.raises(FhirError, match=r"refuses to be read: .*unknown resource type"):
        ask(fake_target, "Clam")
    assert len(fake_server.requests) == 1
    assert pauses == []


def test_all_pages_of_an_answer_are_read(fake_server: FakeServer, fake_target: Settings) -> None:
    fake_server.held = {f"Patient/p-{number}": held(number, patient(f"p-{number}")) for number in range(1, 8)}
    fake_server.page_size = 3

    async def asked() -> dict[str, str]:
        async with connect(fake_target) as client:
            found = await stored(client, "Patient", [f"p-{number}" for number in range(10)])
        return {resource_id: there.version_id for resource_id, there in found.items()}

    assert asyncio.run(asked()) == {f"p-{number}": str(number) for number in range(1, 8)}


def test_targets_are_asked_for_by_their_ids_only_and_a_type_that_is_refused_counts_as_there(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    fake_server.held = {"Patient/p-1": held(1, patient("p-1"))}

    async def asked() -> set[str]:
        async with connect(fake_target) as client:
            return await on_server(client, ["Patient/p-1", "Patient/p-2", "Clam/c-1"])

    assert asyncio.run(asked()) == {"Patient/p-1", "Clam/c-1"}
    assert [parse_qs(request.body.decode()) for request in fake_server.requests] == [
        {"_id": ["p-1,p-2"], "_count": ["2"], "_elements": ["id"]},
        {"_id": ["c-1"], "_count": ["1"], "_elements": ["id"]},
    ]


def test_references_of_a_type_that_is_refused_are_left_out(fake_server: FakeServer, fake_target: Settings) -> None:
    seen = observation("o-1", "Patient/p-1", focus=[{"reference": "Patient/p-1/_history/2"}], device={"display": "x"})
    fake_server.held = {"Observation/o-1": held(1, seen)}

    async def asked() -> dict[str, list[str]]:
        async with connect(fake_target) as client:
            return await references_on_server(client, ["Observation/o-1", "Observation/o-2", "Clam/c-1"])

    assert asyncio.run(asked()) == {"Observation/o-1": ["Patient/p-1"]}


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (2, 2), (9, 3)])
def test_many_ids_are_asked_for_in_parts_and_some_parts_at_once(
    fake_server: FakeServer, fake_target: Settings, monkeypatch: pytest.MonkeyPatch, at_once: int, most: int
) -> None:
    monkeypatch.setattr(reads, "IDS_PER_SEARCH", 2)
    fake_server.held = {f"Patient/p-{number}": held(1, patient(f"p-{number}")) for number in range(5)}
    under_way: list[int] = [0]

    async def slow(_: object) -> None:
        under_way.append(under_way[-1] + 1)
        await asyncio.sleep(0.01)
        under_way.append(under_way[-1] - 1)

    fake_server.behave(slow)

    async def asked() -> list[str]:
        async with connect(fake_target) as client:
            return list(await stored(client, "Patient", [f"p-{number}" for number in range(5)], at_once=at_once))

    assert asyncio.run(asked()) == [f"p-{number}" for number in range(5)]
    assert max(under_way) == most
    forms = [parse_qs(request.body.decode()) for request in fake_server.requests]
    assert sorted(form["_id"][0] for form in forms) == ["p-0,p-1", "p-2,p-3", "p-4"]
    assert sorted(form["_count"][0] for form in forms) == ["1", "2", "2"]


def test_what_is_stored_is_hashed_as_it_was_sent_and_has_its_labels(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    labelled = patient("p-1", meta={"tag": [{"system": "s", "code": "x"}]})
    fake_server.held = {"Patient/p-1": held(3, labelled), "Patient/p-2": held(1, patient("p-2"))}

    async def asked() -> dict[str, Stored]:
        async with connect(fake_target) as client:
            return await stored(client, "Patient", ["p-1", "p-2"])

    first, second = asyncio.run(asked()).values()
    assert (first.version_id, first.labels, second.labels) == ("3", '["tag s|x"]', "[]")
    assert first.body == '{"id":"p-1","meta":{"tag":[{"code":"x","system":"s"}]},"resourceType":"Patient"}'
    assert first.content_hash == sha256(first.body.encode()).hexdigest()


@pytest.mark.parametrize("lost", [1, 7])
def test_a_reader_whose_connection_is_lost_asks_again(
    fake_server: FakeServer, fake_target: Settings, pauses: list[float], lost: int
) -> None:
    fake_server.behave(times(lost, lambda _: httpx.ReadError("reset")))

    assert ask(fake_target, "Patient") == 0
    assert len(fake_server.requests) == lost + 1 == len(pauses) + 1


def test_an_answer_that_is_no_fhir_is_asked_for_again_and_named(
    fake_server: FakeServer, fake_target: Settings, pauses: list[float]
) -> None:
    fake_server.behave(lambda _: Response(200, b"<html>"))

    with pytest.raises(ServerUnavailable, match=r"cannot be read: HTTP 200$"):
        ask(fake_target, "Patient")
    assert len(pauses) == 7


def types_not_on(server: Settings, ledger: Ledger, *resource_types: str) -> frozenset[str]:
    async def asked() -> frozenset[str]:
        async with connect(server) as client:
            return await unknown_types(ledger, client, resource_types)

    return asyncio.run(asked())


def test_the_statement_is_asked_for_again_where_what_is_known_does_not_suffice(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.resource_types = ("Basic", "Patient")
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        assert types_not_on(fake_target, ledger, "Patient") == frozenset()
        assert types_not_on(fake_target, ledger, "Patient") == frozenset()
        assert len(fake_server.requests) == 1
        assert types_not_on(fake_target, ledger, "Patient", "Claim") == {"Claim"}
        assert len(fake_server.requests) == 2
        ledger.remember(resource_types='{"server": "http://elsewhere", "types": ["Claim"]}')
        assert types_not_on(fake_target, ledger, "Claim") == {"Claim"}


@pytest.mark.parametrize(
    "answer",
    [Response(200, b"<html>"), Response(200, {"rest": [{}]}), Response(200, {"rest": [{"resource": []}]})],
    ids=["no JSON", "no types", "empty"],
)
def test_a_server_that_does_not_say_its_types_has_all(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, answer: Response
) -> None:
    fake_server.behave(lambda _: answer)
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        assert types_not_on(fake_target, ledger, "Patient") == frozenset()
        assert "resource_types" not in ledger.info()
