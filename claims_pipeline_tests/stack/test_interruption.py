"""A command that is stopped before its end leaves nothing running behind it, or says what it leaves."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpcore  # noqa: F401 - httpx imports it at its first request; a signal meanwhile leaves a file of Python's open
import pytest

from claims_pipeline.errors import ConfigError, Interrupted, ServiceError
from claims_pipeline.ports import free_port
from claims_pipeline.processes import (
    ProcessIdentity,
    identify,
    is_running,
    read_pid_file,
    start_detached,
    stop,
    wait_until,
    write_pid_file,
)
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline.signals import ending_like_ctrl_c
from claims_pipeline.stack import services
from claims_pipeline.stack.interruption import none_left_behind
from claims_pipeline.stack.services import Service

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path, dashboard_port=free_port(), dagster_port=free_port())


@pytest.fixture
def dashboard(settings: Settings) -> Iterator[ProcessIdentity]:
    """A process in the place of the dashboard, started by this command."""
    process = start_detached(SLEEP, log=settings.home / "log")
    write_pid_file(settings.home / "dashboard.pid", process)
    yield process
    stop(process, seconds=5)


@pytest.fixture
def of_another_command(settings: Settings) -> Iterator[ProcessIdentity]:
    """A process in the place of HAPI FHIR, started by another command before."""
    with subprocess.Popen(SLEEP, start_new_session=True) as child:
        process = identify(child.pid)
        assert process
        write_pid_file(settings.server_path / "hapi" / "hapi.pid.json", process)
        yield process
        child.kill()


def once_started(settings: Settings, number: signal.Signals) -> None:
    """Send this process a signal when the dashboard has started."""

    def send() -> None:
        wait_until((settings.home / "dashboard.pid").exists, seconds=30)
        os.kill(os.getpid(), number)

    threading.Thread(target=send).start()


def test_what_this_command_started_is_stopped(settings: Settings, dashboard: ProcessIdentity) -> None:
    steps: list[str] = []
    with pytest.raises(Interrupted, match="interrupted; nothing that it started still runs") as caught:
        interrupt_at_once(settings, steps)

    assert not is_running(dashboard)
    assert steps == ["interrupted: stopping what was started", "dashboard: stopping"]
    assert caught.value.exit_code == 130


def interrupt_at_once(settings: Settings, steps: list[str]) -> None:
    with none_left_behind(settings, steps.append):
        raise KeyboardInterrupt


def test_services_that_ran_before_keep_running_and_are_named(
    settings: Settings, dashboard: ProcessIdentity, of_another_command: ProcessIdentity
) -> None:
    with pytest.raises(Interrupted, match=r"still running: HAPI FHIR$") as caught:
        interrupt_at_once(settings, [])

    assert is_running(of_another_command)
    assert not is_running(dashboard)
    assert caught.value.fix.startswith("claims down")


def test_what_this_process_started_before_for_others_goes_on(settings: Settings, tmp_path: Path) -> None:
    earlier = start_detached(SLEEP, log=tmp_path / "log")
    later: list[ProcessIdentity] = []

    def start_and_be_interrupted() -> None:
        with none_left_behind(settings, lambda _: None):
            later.append(start_detached(SLEEP, log=tmp_path / "log"))
            raise KeyboardInterrupt

    try:
        with pytest.raises(Interrupted):
            start_and_be_interrupted()
        assert is_running(earlier)
        assert not is_running(later[0])
    finally:
        stop(earlier, seconds=5)


def test_an_error_stops_nothing_and_says_what_still_runs(settings: Settings) -> None:
    steps: list[str] = []
    started: list[ProcessIdentity] = []

    def start_and_fail() -> None:
        with none_left_behind(settings, steps.append):
            started.append(start_detached(SLEEP, log=settings.home / "log"))
            write_pid_file(settings.home / "dashboard.pid", started[0])
            raise ServiceError("no luck")

    try:
        with pytest.raises(ServiceError, match="no luck"):
            start_and_fail()
        assert is_running(started[0])
        assert steps == ["still running: dashboard (claims down stops it)"]
    finally:
        stop(started[0], seconds=5)


def test_an_error_of_a_command_that_started_nothing_is_all_that_is_said(
    settings: Settings, of_another_command: ProcessIdentity
) -> None:
    steps: list[str] = []
    with pytest.raises(ConfigError, match="there already"), none_left_behind(settings, steps.append):
        raise ConfigError("this file is there already")

    assert is_running(of_another_command)
    assert steps == []


@pytest.mark.heavy
# the signal may come between the opening of a socket and its `with`
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_service_that_is_starting(settings: Settings, number: signal.Signals) -> None:
    silent = Service("dashboard", SLEEP, settings.dashboard_url, "/", "CLAIMS_DASHBOARD_PORT")
    once_started(settings, number)

    with pytest.raises(Interrupted, match="nothing"), ending_like_ctrl_c(), none_left_behind(settings, lambda _: None):
        services.start(silent, settings)

    assert not services.is_running(silent, settings)


@pytest.mark.heavy
def test_a_second_signal_ends_the_stopping_and_what_still_runs_is_named(settings: Settings) -> None:
    stubborn = Service("dashboard", STUBBORN, settings.dashboard_url, "/", "CLAIMS_DASHBOARD_PORT")
    once_started(settings, signal.SIGINT)

    def interrupt_again(_: str) -> None:
        signal.raise_signal(signal.SIGINT)

    try:
        with (
            pytest.raises(Interrupted, match=r"still running: dashboard$"),
            ending_like_ctrl_c(),
            none_left_behind(settings, interrupt_again),
        ):
            services.start(stubborn, settings)
    finally:
        if process := read_pid_file(settings.home / "dashboard.pid"):
            stop(process, seconds=0.1)


@pytest.mark.server
def test_a_demo_that_is_terminated_in_its_run_exits_with_130_and_prints_no_traceback(
    fhir_server: Settings, tmp_path: Path
) -> None:
    """The same by Ctrl-C: orchestration/test_run.py."""
    call = [sys.executable, "-m", "claims_pipeline.cli", "demo", "--days", "3", "--claims", "50", "--patients", "20"]
    variables = {"CLAIMS_HOME": str(tmp_path), "CLAIMS_FHIR_BASE_URL": fhir_server.fhir_base_url}
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=os.environ | variables) as demo:
        assert demo.stderr
        for line in demo.stderr:
            if "Dagster: " in line:
                break
        demo.send_signal(signal.SIGTERM)
        rest = demo.stderr.read()

    assert demo.returncode == 130
    assert "error: interrupted; nothing that it started still runs" in rest
    assert "Traceback" not in rest
