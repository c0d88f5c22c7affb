"""The marker on the server and the ledger: whether they belong together."""

import asyncio
import re
import sqlite3
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from claims_pipeline.errors import FhirError, LedgerMismatch, ServerUnavailable
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.reconciling.marker import (
    MARKER_PATH,
    Marker,
    forget_marker,
    mismatch,
    raise_generation,
    read_marker,
    takes_a_transaction,
)
from claims_pipeline.load.sending.client import connect
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, Response, Rule, everything, outcome, stored
from claims_pipeline_tests.load.sources.samples import patient

HERE, ELSEWHERE = "http://here/fhir", "http://elsewhere/fhir"
OURS = "the-id-of-this-ledger"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that has loaded into `HERE` up to generation 4, and was about to raise it to 5."""
    with open_ledger(tmp_path / "ledger.sqlite") as opened:
        opened.remember(ledger_id=OURS, server=HERE, generation="4", pending_generation="5")
        yield opened


@pytest.mark.parametrize(
    ("marker", "base_url", "problem"),
    [
        (Marker(OURS, 4), HERE, None),
        (Marker(OURS, 5), HERE, None),
        (Marker(OURS, 3), HERE, "this server was restored from a backup"),
        (Marker(OURS, 6), HERE, "the ledger is older than the server"),
        (Marker("another", 4), HERE, "another ledger fills this server"),
        (None, HERE, "this server was wiped"),
        (None, ELSEWHERE, f"the ledger was written for {HERE}"),
        (Marker(OURS, 4), ELSEWHERE, None),
    ],
)
def test_a_marker_says_whether_the_ledger_may_be_trusted(
    ledger: Ledger, marker: Marker | None, base_url: str, problem: str | None
) -> None:
    found = mismatch(ledger, marker, base_url=base_url)

    assert (found is None) == (problem is None)
    if problem is not None:
        assert isinstance(found, LedgerMismatch)
        assert problem in found.message


def test_a_new_ledger_belongs_to_any_server_without_a_marker(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        assert mismatch(ledger, None, base_url=HERE) is None
        assert mismatch(ledger, Marker("another", 1), base_url=HERE) is not None


def test_a_generation_is_written_down_before_the_server_has_it(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger
) -> None:
    known_when_it_arrived: list[str] = []

    def look(_: object) -> None:
        known_when_it_arrived.append(ledger.info()["pending_generation"])

    fake_server.behave(look)
    asyncio.run(_raise(ledger, fake_target))

    assert known_when_it_arrived == ["6"]
    assert ledger.info()["generation"] == "6"
    assert asyncio.run(_read(fake_target)) == Marker(OURS, 6)


@pytest.mark.parametrize("as_bundle", [False, True], ids=["marker alone", "in a transaction"])
def test_a_generation_is_on_disk_before_the_server_has_it(
    fake_server: FakeServer,
    fake_target: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_bundle: bool,
) -> None:
    statements: list[str] = []
    open_database = sqlite3.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = open_database(*arguments, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", watched)
    arrived_after: list[str] = []
    fake_server.behave(lambda _: arrived_after.append("; ".join(statements)))
    with open_ledger(tmp_path / "watched.sqlite") as ledger:
        statements.clear()
        asyncio.run(_probe(ledger, fake_target) if as_bundle else _raise(ledger, fake_target))

    assert len(arrived_after) == 1
    assert re.search("synchronous=FULL; BEGIN IMMEDIATE; [^;]*pending_generation[^;]*; COMMIT", arrived_after[0])


@pytest.mark.parametrize("is_done", [True, False], ids=["the server did it", "the server did not"])
def test_a_lost_answer_leaves_both_acceptable(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger, is_done: bool
) -> None:
    fake_server.held[MARKER_PATH] = stored(1, Marker(OURS, 4).to_fhir())

    def lose(request: object) -> httpx.RequestError:
        if is_done:
            fake_server.answer(request)  # type: ignore[arg-type]
        return httpx.ReadError("reset")

    fake_server.behave(lose)
    with pytest.raises(ServerUnavailable):
        asyncio.run(_raise(ledger, fake_target))
    fake_server.behave_well()

    assert mismatch(ledger, asyncio.run(_read(fake_target)), base_url=HERE) is None


def test_a_server_that_refuses_the_marker_is_reported_without_quoting_it(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger
) -> None:
    fake_server.behave(lambda _: outcome(403, "HAPI-0333: Jane Sample may not"))

    with pytest.raises(FhirError, match="refuses the ledger's marker: HTTP 403") as caught:
        asyncio.run(_raise(ledger, fake_target))
    assert "Jane" not in caught.value.render()


def test_a_transaction_with_the_marker_tells_whether_the_server_takes_any(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger
) -> None:
    assert asyncio.run(_probe(ledger, fake_target))
    assert asyncio.run(_read(fake_target)) == Marker(OURS, 6)
    fake_server.behave(everything(500))
    assert not asyncio.run(_probe(ledger, fake_target))
    fake_server.behave(lambda _: httpx.ConnectError("refused"))
    assert not asyncio.run(_probe(ledger, fake_target))
    fake_server.behave_well()

    assert mismatch(ledger, asyncio.run(_read(fake_target)), base_url=HERE) is None


async def _raise(ledger: Ledger, settings: Settings) -> None:
    async with connect(settings) as client:
        await raise_generation(ledger, client)


async def _read(settings: Settings) -> Marker | None:
    async with connect(settings) as client:
        return await read_marker(client, wait_seconds=0)


async def _probe(ledger: Ledger, settings: Settings) -> bool:
    async with connect(settings) as client:
        return await takes_a_transaction(ledger, client)


def test_errors_of_the_marker_say_where_it_is(fake_server: FakeServer, fake_target: Settings, ledger: Ledger) -> None:
    found = mismatch(ledger, None, base_url=HERE)
    assert found is not None
    assert found.where == f"{HERE} and {ledger.path}"

    def error_of(rule: Rule, asked: Coroutine[Any, Any, object]) -> tuple[str, str]:
        fake_server.behave_well()
        fake_server.behave(rule)
        with pytest.raises((FhirError, ServerUnavailable)) as caught:
            asyncio.run(asked)
        return caught.value.message, caught.value.where

    def statement(version: str) -> Rule:
        body = {"resourceType": "CapabilityStatement", "fhirVersion": version}
        return lambda request: Response(200, body) if request.path == "metadata" else None

    marker = f"{BASE}/{MARKER_PATH}"
    assert error_of(everything(422), _raise(ledger, fake_target))[1] == marker
    assert error_of(lambda _: httpx.ReadError("x"), _raise(ledger, fake_target)) == (
        "the FHIR server did not answer: the connection was reset",
        BASE,
    )
    assert error_of(everything(422), _forget(ledger, fake_target))[1] == marker
    assert error_of(lambda _: Response(200, patient("p")), _read(fake_target)) == (
        "this address is not the base of a FHIR server: it answers with a Patient",
        marker,
    )
    assert error_of(lambda _: Response(200, {"resourceType": "Basic"}), _read(fake_target)) == (
        "the server's marker cannot be read",
        marker,
    )
    assert error_of(statement("5.0.0"), _read(fake_target)) == (
        "there is no FHIR R4 server at this address: it has FHIR version 5.0.0",
        f"{BASE}/metadata",
    )
    no_statement = error_of(lambda r: Response(200, patient()) if r.path == "metadata" else None, _read(fake_target))
    assert no_statement[0] == "there is no FHIR R4 server at this address: it has no CapabilityStatement"
    assert error_of(statement(""), _read(fake_target)) == no_statement


@pytest.mark.parametrize("status", [204, 404, 410])
def test_a_marker_that_is_gone_is_forgotten(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger, status: int
) -> None:
    ledger.remember(feed="a feed", resource_types="{}")
    fake_server.behave(lambda _: Response(status, b""))

    asyncio.run(_forget(ledger, fake_target))

    assert ledger.info().keys() == {"ledger_id", "resource_types"}
    assert [(request.method, request.path) for request in fake_server.requests] == [("DELETE", MARKER_PATH)]


def test_a_generation_is_higher_than_all_that_are_known(
    fake_server: FakeServer, fake_target: Settings, ledger: Ledger
) -> None:
    async def raised(above: int) -> Marker | None:
        async with connect(fake_target) as client:
            await raise_generation(ledger, client, above=above)
            return await read_marker(client, wait_seconds=0)

    assert asyncio.run(raised(3)) == Marker(OURS, 6)
    assert asyncio.run(raised(9)) == Marker(OURS, 10)
    assert (ledger.info()["generation"], ledger.info()["server"]) == ("10", BASE)
    assert fake_server.held[MARKER_PATH].version == 2


async def _forget(ledger: Ledger, settings: Settings) -> None:
    async with connect(settings) as client:
        await forget_marker(ledger, client)
