"""All services at once, beside a FHIR server that this program does not start."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from claims_pipeline import stack
from claims_pipeline.errors import ServerUnavailable
from claims_pipeline.ports import free_port
from claims_pipeline.processes import is_running, read_pid_file, wait_until
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline.stack import fhir_server as looked_at


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    nobody = f"http://127.0.0.1:{free_port()}/fhir"
    settings = load_settings(
        home=tmp_path / "home", dashboard_port=free_port(), dagster_port=free_port(), fhir_base_url=nobody
    )
    yield settings
    stack.down(settings, lambda _: None)


@pytest.mark.server
def test_two_ups_at_once_start_each_service_once_and_down_stops_also_what_a_killed_one_left(settings: Settings) -> None:
    steps: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: stack.up(settings, steps.append), range(2))

    assert first.services == second.services
    assert all(service.is_healthy for service in first.services)
    assert any(step.startswith("services: waiting for another command") for step in steps)
    assert "dagster_version" in httpx.get(f"http://127.0.0.1:{settings.dagster_port}/server_info").json()

    dagster = read_pid_file(settings.home / "dagster.pid")
    assert dagster
    os.kill(dagster.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_running(dagster), seconds=10)
    now = stack.status(settings)
    assert now.services[-1].left_behind
    assert f"was killed, and what it started still runs (pid {now.services[-1].left_behind[0]}" in now.render()

    assert stack.down(settings, steps.append)
    assert not any(service.left_behind for service in stack.status(settings).services)
    assert steps[-2:] == ["dagster: stopped", "dashboard: stopped"]
    assert not stack.down(settings, steps.append)
    assert not any(service.since for service in stack.status(settings).services)


def test_what_never_ran_is_shown_and_stopped_without_an_error(settings: Settings) -> None:
    now = stack.status(settings)

    assert not now.is_up
    assert now.render().startswith(f"FHIR server  does not answer, {settings.fhir_base_url}\n")
    assert json.loads(json.dumps(now.to_json(), default=str))["server"] is None
    assert not stack.down(settings, lambda _: None)
    assert not settings.home.exists()


def test_a_server_that_does_not_answer_does_not_say_what_it_holds(settings: Settings) -> None:
    with pytest.raises(ServerUnavailable, match="does not say how many resources") as caught:
        looked_at.resource_counts(settings, ["Claim"])

    assert caught.value.where == f"{settings.fhir_base_url}/Claim"


@pytest.mark.server
def test_another_server_is_asked_whether_it_answers_and_what_it_holds(
    settings: Settings, fhir_server: Settings
) -> None:
    foreign = settings.model_copy(update={"fhir_base_url": fhir_server.fhir_base_url})
    with_token = foreign.model_copy(update={"fhir_token": SecretStr("a server that asks for nothing does not mind")})

    now = stack.status(with_token)

    assert now.is_fhir_answering
    assert now.server is None
    assert looked_at.resource_counts(with_token, ["SearchParameter"]) == {"SearchParameter": 1}
