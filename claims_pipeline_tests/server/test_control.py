"""The embedded server as a whole: what goes wrong, and how it comes back."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from claims_pipeline import server
from claims_pipeline.errors import PortTaken, ServiceError
from claims_pipeline.ports import free_port
from claims_pipeline.processes import is_running, wait_until
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.conftest import open_home


@pytest.fixture
def elsewhere() -> Iterator[Settings]:
    """The settings of a server of one test's own, not started."""
    home = open_home()
    settings = Settings(home=home, fhir_port=free_port(), postgres_port=free_port())
    yield settings
    server.stop(settings)
    shutil.rmtree(home)


@pytest.mark.server
def test_a_killed_server_is_seen_and_two_starts_at_once_bring_it_back_once(fhir_server: Settings) -> None:
    before = server.status(fhir_server)
    assert before.hapi
    os.kill(before.hapi.pid, signal.SIGKILL)
    assert wait_until(lambda: server.status(fhir_server).state == "half started", seconds=10)

    steps: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: server.start(fhir_server, steps.append), range(2))

    assert first.hapi == second.hapi != before.hapi
    assert first.postgres == before.postgres
    assert first.is_healthy
    assert first.resource_counts == before.resource_counts
    assert any(step.startswith("FHIR server: waiting for another command") for step in steps)
    assert "FHIR server: already running" in steps


@pytest.mark.server
def test_a_killed_database_is_brought_back_without_a_new_boot(fhir_server: Settings) -> None:
    before = server.status(fhir_server)
    assert before.postgres
    os.kill(before.postgres.pid, signal.SIGKILL)
    assert wait_until(lambda: server.status(fhir_server).state == "half started", seconds=10)
    after = server.start(fhir_server)
    assert after.hapi == before.hapi
    assert after.postgres != before.postgres
    assert after.is_healthy
    assert after.resource_counts == before.resource_counts


@pytest.mark.server
def test_the_status_says_what_runs_in_words_and_as_json(fhir_server: Settings) -> None:
    now = server.status(fhir_server)
    assert now.hapi
    assert now.versions["hapi"] == "8.8.0"
    assert now.versions["postgresql"].startswith("18.")
    assert now.resource_counts["SearchParameter"] == 1
    assert now.database_bytes > 10_000_000
    first_line, *others = now.render().splitlines()
    assert first_line == f"FHIR server     running, {fhir_server.fhir_base_url}"
    assert any(f"pid {now.hapi.pid}, since" in line for line in others)
    assert json.loads(json.dumps(now.to_json()))["hapi"]["pid"] == now.hapi.pid


@pytest.mark.server  # it needs the Java archives
def test_a_server_that_cannot_boot_says_why_and_leaves_nothing_running(elsewhere: Settings) -> None:
    starved = elsewhere.model_copy(update={"fhir_memory": "1m"})
    with pytest.raises(ServiceError, match="heap") as caught:
        server.start(starved)
    assert caught.value.where == str(server.log_files(elsewhere)["hapi"])
    assert server.status(elsewhere).state == "stopped"


@pytest.mark.parametrize("variable", ["CLAIMS_FHIR_PORT", "CLAIMS_POSTGRES_PORT"])
def test_a_taken_port_is_reported_before_anything_is_started(elsewhere: Settings, variable: str) -> None:
    port = getattr(elsewhere, variable.removeprefix("CLAIMS_").lower())
    steps: list[str] = []
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken) as caught:
        server.start(elsewhere, steps.append)
    assert f"port {port} is taken by" in caught.value.message
    assert f"{variable}=<another port>" in caught.value.fix
    assert steps == []
    assert server.status(elsewhere).state == "stopped"


@pytest.mark.server
def test_a_running_server_is_not_moved_behind_its_back(fhir_server: Settings) -> None:
    moved = fhir_server.model_copy(update={"fhir_port": free_port()})
    with pytest.raises(ServiceError, match=f"runs .*but not on port {moved.fhir_port}"):
        server.start(moved)


def test_a_pid_file_of_another_boot_is_stale(elsewhere: Settings) -> None:
    hapi = Hapi.of(elsewhere)
    hapi.home.mkdir(parents=True)
    hapi.pid_file.write_text(json.dumps({"pid": os.getpid(), "started": 1_700_000_000.0}))  # this pid is ours by now
    assert server.status(elsewhere).state == "stopped"
    assert not server.stop(elsewhere)
    assert not hapi.pid_file.exists()


def test_what_never_ran_is_stopped_wiped_and_shown_without_an_error(elsewhere: Settings) -> None:
    assert not server.stop(elsewhere)
    assert not server.wipe(elsewhere)
    assert server.status(elsewhere).state == "stopped"
    assert not elsewhere.server_path.exists()


@pytest.mark.server
def test_a_wiped_server_holds_nothing_and_keeps_the_rest_of_the_home(elsewhere: Settings) -> None:
    postgres = Postgres.of(elsewhere)
    process = postgres.start(lambda _: None)
    postgres.query("CREATE TABLE example AS SELECT 1 AS number")
    (elsewhere.home / "ledger.sqlite").touch()
    assert server.wipe(elsewhere)
    assert not is_running(process)
    assert (elsewhere.home / "ledger.sqlite").exists()
    postgres.start(lambda _: None)
    assert postgres.query("SELECT to_regclass('example') IS NULL") == "t"
