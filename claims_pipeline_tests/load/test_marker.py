"""The marker on the server and the ledger: whether they belong together."""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from claims_pipeline.errors import FhirError, LedgerMismatch, ServerUnavailable
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.reconciling.marker import (
    MARKER_PATH,
    Marker,
    mismatch,
    raise_generation,
    read_marker,
    takes_a_transaction,
)
from claims_pipeline.load.sending.client import connect
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, everything, outcome, stored

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
