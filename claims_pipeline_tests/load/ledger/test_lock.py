"""One loader at a time: who is turned away is told by whom."""

import os
import socket
import threading
from pathlib import Path

import pytest

from claims_pipeline.errors import LoaderLocked
from claims_pipeline.load.ledger.lock import holding_lock
from claims_pipeline.load.ledger.store import Ledger, open_ledger


def holders(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.reading() as connection:
        return connection.execute("SELECT host, pid FROM holder").fetchall()


def test_the_holder_signs_and_takes_its_name_away(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with holding_lock(ledger):
            assert holders(ledger) == [(socket.gethostname(), os.getpid())]
        assert holders(ledger) == []


def test_a_second_loader_is_told_who_holds_the_lock_and_changes_nothing(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as first, open_ledger(tmp_path / "ledger.sqlite") as second:
        with holding_lock(first):
            named = rf"process {os.getpid()} on {socket.gethostname()} since 20"
            with pytest.raises(LoaderLocked, match=named), holding_lock(second):
                pass
            assert holders(first) == [(socket.gethostname(), os.getpid())]
        with holding_lock(second):
            assert len(holders(second)) == 1


def test_the_name_of_a_loader_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with ledger.writing() as connection:
            connection.execute("INSERT INTO holder VALUES ('elsewhere', 1, 0.0, '2025-01-01T00:00:00+00:00')")
        with holding_lock(ledger):
            assert holders(ledger) == [(socket.gethostname(), os.getpid())]


def test_a_second_loader_waits_when_it_is_asked_to(tmp_path: Path) -> None:
    entered = threading.Event()

    def second() -> None:
        with open_ledger(tmp_path / "ledger.sqlite") as ledger, holding_lock(ledger, wait=True):
            entered.set()

    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with holding_lock(ledger):
            waiting = threading.Thread(target=second)
            waiting.start()
            assert not entered.wait(0.2)
        assert entered.wait(10)
        waiting.join()
