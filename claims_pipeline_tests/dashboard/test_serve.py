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

from claims_pipeline.ports import free_port

COMMAND = [sys.executable, "-m", "claims_pipeline.cli", "dashboard"]


def environment(home: Path, cache: Path, **variables: str) -> dict[str, str]:
    ours = {"CLAIMS_HOME": str(home), "CLAIMS_CACHE": str(cache)} | variables
    return {name: value for name, value in os.environ.items() if not name.startswith("CLAIMS_")} | ours


def run(env: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *options], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_it_answers_until_it_is_interrupted(tmp_path: Path, cache: Path) -> None:
    port = free_port()
    env = environment(tmp_path, cache, CLAIMS_DASHBOARD_PORT=str(port))
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
            health: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/health").json()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return health
    pytest.fail("the dashboard did not answer within 30 s")


def test_a_taken_port_is_named(tmp_path: Path, cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = run(environment(tmp_path, cache), "--port", str(port))
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "CLAIMS_DASHBOARD_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "CLAIMS_DASHBOARD_PASSWORD"),  # noqa: S104 - refused
        (["--port", "0"], "CLAIMS_DASHBOARD_PORT"),
        (["--port", "http"], "--port"),
    ],
)
def test_wrong_settings_end_with_2(tmp_path: Path, cache: Path, options: list[str], message: str) -> None:
    ended = run(environment(tmp_path, cache), *options)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_another_machine_ends_with_2(tmp_path: Path, cache: Path) -> None:
    ended = run(environment(tmp_path, cache, CLAIMS_DASHBOARD_PASSWORD="x"), "--host", "192.0.2.1")
    assert ended.returncode == 2
    assert "is not an address of this machine" in ended.stderr
