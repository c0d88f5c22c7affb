"""One process at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.errors import ServiceError
from claims_pipeline.locks import one_at_a_time

HOLD = """
import pathlib, sys, time
from claims_pipeline.locks import one_at_a_time
with one_at_a_time(pathlib.Path(sys.argv[1]), on_wait=print):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = (sys.executable, "-c", HOLD, str(tmp_path / "lock"), "2")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_free_lock_is_had_at_once(tmp_path: Path) -> None:
    heard: list[str] = []
    with one_at_a_time(tmp_path / "folder" / "lock", on_wait=heard.append):
        pass
    assert heard == []


@pytest.mark.heavy
def test_a_waiting_process_reports_which_process_holds_the_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    heard: list[str] = []
    with one_at_a_time(tmp_path / "lock", on_wait=heard.append, seconds=30):
        assert heard == [f"another command (pid {holder.pid})"]
        holder.wait(5)


@pytest.mark.heavy
def test_who_waited_long_enough_gives_up(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceError, match=rf"pid {holder.pid}\) has been at work"),
        one_at_a_time(tmp_path / "lock", on_wait=lambda _: None, seconds=0.2),
    ):
        pass


def test_a_killed_holder_lets_go(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    began = time.monotonic()
    with one_at_a_time(tmp_path / "lock", on_wait=lambda _: None, seconds=30):
        assert time.monotonic() - began < 1


def test_a_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), one_at_a_time(tmp_path / "lock", on_wait=lambda _: None):
        raise ZeroDivisionError
    with one_at_a_time(tmp_path / "lock", on_wait=lambda _: None, seconds=1):
        pass
