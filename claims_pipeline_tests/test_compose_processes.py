"""The services of docker-compose.yml that run our image, as plain processes: their commands, environment and order.

The embedded server stands in for the services hapi-fhir and postgres. A container engine is not needed.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import httpx
import pytest

from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings
from claims_pipeline_tests.test_compose import OUR_IMAGE, ROOT, RUNS_ONCE, SERVICES

pytestmark = pytest.mark.server

HEALTHY_SECONDS = 120
PAUSE_SECONDS = 3
"""Between two checks: that of Dagster's daemon imports Dagster, which takes about as long."""
OURS = [name for name, service in SERVICES.items() if service.get("image") == OUR_IMAGE and name != "volume"]
PORTS = ("5000", "3000")


def test_the_services_of_our_image_become_healthy_in_their_order(fhir_server: Settings, tmp_path: Path) -> None:
    """`volume` copies dagster.yaml; prepare ends; the dashboard, Dagster's webserver and its daemon stay."""
    home = tmp_path / "data"
    (home / "dagster").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", home / "dagster" / "dagster.yaml")
    ports = {port: str(free_port()) for port in PORTS}
    places = {"/data": str(home), "http://hapi-fhir:8080/fhir": fhir_server.fhir_base_url} | ports
    with ExitStack() as running:
        for name in _order():
            service = SERVICES[name]
            environment = _environment(service, places) | {"CLAIMS_DASHBOARD_PORT": ports["5000"]}
            command = _command(service["command"], places)
            if name in RUNS_ONCE:
                done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                continue
            running.enter_context(_process(command, environment, home / f"{name}.log"))
            _wait_until_healthy(name, _command(service["healthcheck"]["test"][1:], places), environment, home)
        assert httpx.get(f"http://127.0.0.1:{ports['5000']}/health").json()["status"] == "ok"
        assert httpx.get(f"http://127.0.0.1:{ports['3000']}/server_info").status_code == 200
        rebound = httpx.get(f"http://127.0.0.1:{ports['3000']}/", headers={"Host": "evil.example"})
        assert rebound.status_code == 421


def _order() -> list[str]:
    """Return our services in the order of depends_on."""
    needed = {name: set(SERVICES[name].get("depends_on", {})) & set(OURS) for name in OURS}
    return list(TopologicalSorter(needed).static_order())


def _environment(service: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a container: nothing of ours but the path, the image's and the service's variables."""
    image = dict(
        re.findall(r"^(?:ENV|   ) *([A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    )
    given = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)) for name, value in service["environment"].items()}
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    merged = {name: value for name, value in (image | given).items() if name != "PATH"}
    return own | {name: _placed(value, places) for name, value in merged.items()}


def _command(words: list[str], places: Mapping[str, str]) -> list[str]:
    programs = Path(sys.executable).parent
    program = sys.executable if words[0] == "python" else str(programs / words[0])
    return [program, *(_placed(word, places) for word in words[1:])]


def _placed(text: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        text = re.sub(rf"(?<![\w.]){re.escape(there)}(?!\w)", here, text)
    return text


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, cwd=log.parent, stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(name: str, check: list[str], environment: Mapping[str, str], home: Path) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        done = subprocess.run(check, env=environment, cwd=home, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, f"{done.stderr}\n{(home / f'{name}.log').read_text('utf-8')}"
        time.sleep(PAUSE_SECONDS)
