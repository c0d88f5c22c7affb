"""`claims dashboard` as a person starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from claims_pipeline.fhir_access import without_tls
from claims_pipeline.ports import free_port
from claims_pipeline_tests.cli.running import run_claims

COMMAND = [sys.executable, "-m", "claims_pipeline.cli", "dashboard"]


def run(home: Path, cache: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_claims("dashboard", *options, CLAIMS_HOME=str(home), CLAIMS_CACHE=str(cache), **variables)


@pytest.mark.heavy
def test_it_answers_until_it_is_interrupted(tmp_path: Path, cache: Path) -> None:
    port = free_port()
    ours = {"CLAIMS_HOME": str(tmp_path), "CLAIMS_CACHE": str(cache), "CLAIMS_DASHBOARD_PORT": str(port)}
    env = os.environ | ours
    with subprocess.Popen(COMMAND, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert wait_for_health(port)["analytics"] == "not built"
        finally:
            process.send_signal(signal.SIGINT)
            _, written = process.communicate(timeout=20)
    assert "The analytics are not built yet" in written
    assert f"Dashboard: http://127.0.0.1:{port}" in written
    assert "Traceback" not in written


def wait_for_health(port: int) -> dict[str, str]:
    for _ in range(300):
        try:
            health: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/health", verify=without_tls()).json()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return health
    pytest.fail("the dashboard did not answer within 30 s")


def test_a_taken_port_is_named(tmp_path: Path, cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run(tmp_path, cache, "--port", str(port))
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "CLAIMS_DASHBOARD_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "CLAIMS_DASHBOARD_PASSWORD"),  # noqa: S104 - refused
        (["--port", "0"], "--port"),
        (["--port", "http"], "--port"),
    ],
)
def test_wrong_settings_end_with_2(tmp_path: Path, cache: Path, options: list[str], message: str) -> None:
    ended = run(tmp_path, cache, *options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_another_machine_ends_with_2(tmp_path: Path, cache: Path) -> None:
    ended = run(tmp_path, cache, "--host", "192.0.2.1", CLAIMS_DASHBOARD_PASSWORD="x")
    assert ended.returncode == 2
    assert "is not an address of this machine" in ended.stderr
