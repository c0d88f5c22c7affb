"""Processes that outlive a command."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from claims_pipeline.errors import ServiceError
from claims_pipeline.processes import (
    ProcessIdentity,
    identify,
    is_running,
    read_pid_file,
    start_detached,
    stop,
    stop_survivors,
    survivors,
    wait_until,
    write_pid_file,
)

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-u",
    "-c",
    "import signal, time; signal.signal(15, lambda *_: None); print('up')\nwhile 1: time.sleep(1)",
)
PARENT = (sys.executable, "-u", "-c", f"import subprocess; subprocess.run({list(SLEEP)!r})")


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessIdentity]:
    process = start_detached(SLEEP, log=tmp_path / "sleeper.log")
    yield process
    stop(process, seconds=5)


def test_a_started_process_is_found_again_by_its_pid_file(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    write_pid_file(tmp_path / "pid", sleeper)
    assert read_pid_file(tmp_path / "pid") == sleeper


def test_a_started_process_has_a_session_of_its_own(sleeper: ProcessIdentity) -> None:
    assert os.getsid(sleeper.pid) == sleeper.pid


def test_a_pid_that_another_program_has_by_now_is_not_ours(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    earlier = replace(sleeper, started=sleeper.started - 3600, since_boot=sleeper.since_boot - 3600)
    write_pid_file(tmp_path / "pid", earlier)
    assert read_pid_file(tmp_path / "pid") is None


@pytest.mark.parametrize("seconds", [-31_536_000.0, 31_536_000.0], ids=["back", "on"])
def test_a_process_is_found_again_when_the_clock_was_set_meanwhile(
    sleeper: ProcessIdentity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    write_pid_file(tmp_path / "pid", sleeper)
    create_time, boot_time = psutil.Process.create_time, psutil.boot_time  # Linux counts both from the clock
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + seconds)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + seconds)

    found = read_pid_file(tmp_path / "pid")

    assert found is not None
    assert found.started == pytest.approx(sleeper.started + seconds)
    assert is_running(sleeper)
    assert stop(sleeper, seconds=5)
    assert read_pid_file(tmp_path / "pid") is None


def test_a_process_of_an_earlier_boot_with_the_same_pid_and_start_is_not_ours(
    sleeper: ProcessIdentity, tmp_path: Path
) -> None:
    a_day_ago = replace(sleeper, started=sleeper.started - 86_400, boot="that of yesterday")
    write_pid_file(tmp_path / "pid", a_day_ago)

    assert read_pid_file(tmp_path / "pid") is None
    assert stop(a_day_ago, seconds=5)
    assert is_running(sleeper)


def test_what_an_earlier_boot_left_behind_is_nobody(tmp_path: Path) -> None:
    child = start_detached(PARENT, log=tmp_path / "log")
    assert wait_until(lambda: bool(psutil.Process(child.pid).children()), seconds=5)
    write_pid_file(tmp_path / "pid", replace(child, boot="that of yesterday"))
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_running(child), seconds=5)

    assert survivors(tmp_path / "pid") == []
    write_pid_file(tmp_path / "pid", child)
    assert len(survivors(tmp_path / "pid")) == 1
    assert stop_survivors(tmp_path / "pid", seconds=5)


def test_a_pid_file_without_the_start_since_the_boot_is_understood(sleeper: ProcessIdentity, tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(json.dumps({"pid": sleeper.pid, "started": sleeper.started}))
    assert read_pid_file(tmp_path / "pid") == sleeper


@pytest.mark.parametrize("content", ["", "12", "{}", '{"pid": "x", "started": 1}', '{"pid": -5, "started": 1}'])
def test_a_damaged_pid_file_names_nobody(content: str, tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(content)
    assert read_pid_file(tmp_path / "pid") is None


def test_a_missing_pid_file_names_nobody(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path / "pid") is None


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen(SLEEP)
    process = identify(child.pid)
    assert process
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(lambda: identify(child.pid) is None, seconds=5)
    assert not is_running(process)
    child.wait()


IN_THE_BACKGROUND_OF_A_SCRIPT = """
import pathlib, signal, sys
from claims_pipeline.processes import identify, start_detached, stop
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what Dagster makes of it
child = start_detached([sys.executable, "-c", "import time; time.sleep(600)"], log=pathlib.Path(sys.argv[1]))
print(stop(child, seconds=5))
"""


@pytest.mark.heavy
def test_what_is_started_in_the_background_of_a_script_ends_when_asked(tmp_path: Path) -> None:
    call = [sys.executable, "-c", IN_THE_BACKGROUND_OF_A_SCRIPT, str(tmp_path / "log")]
    assert subprocess.run(call, capture_output=True, text=True, check=True).stdout == "True\n"


def test_a_missing_program_is_named_in_the_background_of_a_script_too(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(ServiceError, match="/no/such/program: No such file"):
            start_detached(["/no/such/program"], log=tmp_path / "log")
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_process_says_is_in_its_log(tmp_path: Path) -> None:
    start_detached((sys.executable, "-c", "print('to be read'); import time; time.sleep(1)"), log=tmp_path / "log")
    assert wait_until(lambda: "to be read" in (tmp_path / "log").read_text(), seconds=5)


def test_what_a_process_makes_is_for_its_owner_only(tmp_path: Path) -> None:
    made = tmp_path / "made"
    program = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    process = start_detached((sys.executable, "-c", program, made), log=tmp_path / "log")
    assert wait_until(made.exists, seconds=5)
    stop(process, seconds=5)
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="/no/such/program"):
        start_detached(["/no/such/program"], log=tmp_path / "log")


def test_a_process_that_ends_when_asked_is_not_killed(sleeper: ProcessIdentity) -> None:
    assert stop(sleeper, seconds=5)
    assert not is_running(sleeper)


def test_a_process_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    stubborn = start_detached(STUBBORN, log=tmp_path / "log")
    wait_until(lambda: "up" in (tmp_path / "log").read_text(), seconds=5)
    assert not stop(stubborn, seconds=0.5)
    assert not psutil.pid_exists(stubborn.pid)  # nor is it left as a zombie


def test_what_a_process_started_ends_with_it(tmp_path: Path) -> None:
    parent = start_detached(PARENT, log=tmp_path / "log")
    children: list[ProcessIdentity] = []

    def has_child() -> bool:
        children[:] = filter(None, (identify(child.pid) for child in psutil.Process(parent.pid).children()))
        return bool(children)

    assert wait_until(has_child, seconds=5)
    stop(parent, seconds=2)
    assert not any(map(is_running, [parent, *children]))


def test_stopping_what_has_ended_is_no_error(sleeper: ProcessIdentity) -> None:
    stop(sleeper, seconds=5)
    assert stop(sleeper, seconds=5)
