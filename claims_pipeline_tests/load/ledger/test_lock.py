"""One loader at a time writes with a ledger."""

import os
import socket
import threading
from pathlib import Path

import pytest

from claims_pipeline.errors import LedgerUnusable, LoaderLocked
from claims_pipeline.load.ledger import lock
from claims_pipeline.load.ledger.lock import holding_lock, is_held
from claims_pipeline.load.ledger.store import Ledger, open_ledger


def holders(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.reading() as connection:
        return connection.execute("SELECT host, pid FROM holder").fetchall()


def test_the_holder_of_the_lock_is_recorded_while_it_holds_it(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with holding_lock(ledger):
            assert holders(ledger) == [(socket.gethostname(), os.getpid())]
        assert holders(ledger) == []


def test_the_error_of_a_second_loader_names_the_holder_and_changes_nothing(tmp_path: Path) -> None:
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


def test_a_lock_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite.lock").mkdir()

    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(LedgerUnusable, match="the ledger cannot be locked: ") as caught, holding_lock(ledger):
            pass
        assert caught.value.where == str(tmp_path / "ledger.sqlite.lock")


def test_a_loader_that_waits_says_so_each_time_it_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "POLL_SECONDS", 0.001)
    with open_ledger(tmp_path / "ledger.sqlite") as first, open_ledger(tmp_path / "ledger.sqlite") as second:
        holding = holding_lock(first)
        holding.__enter__()
        looks: list[int] = []

        def on_wait() -> None:
            looks.append(len(looks))
            if len(looks) == 3:
                holding.__exit__(None, None, None)

        with holding_lock(second, wait=True, on_wait=on_wait):
            assert looks == [0, 1, 2]


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with pytest.raises(RuntimeError), holding_lock(ledger):
            raise RuntimeError
        with holding_lock(ledger):
            assert len(holders(ledger)) == 1


def test_whether_a_lock_is_held_is_read_without_trying_it(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as first, open_ledger(tmp_path / "ledger.sqlite") as second:
        assert not is_held(second)
        assert not (tmp_path / "ledger.sqlite.lock").exists()
        with holding_lock(first):
            assert is_held(second)
        assert not is_held(second)


@pytest.mark.parametrize(("host", "held"), [(socket.gethostname(), False), ("elsewhere", True)])
def test_a_loader_of_this_machine_that_was_killed_does_not_hold_the_lock(tmp_path: Path, host: str, held: bool) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with ledger.writing() as connection:
            connection.execute(
                "INSERT INTO holder VALUES (?, ?, 0.0, '2025-01-01T00:00:00+00:00')", (host, os.getpid())
            )
        assert is_held(ledger) is held
