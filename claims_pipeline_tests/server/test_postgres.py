"""The real PostgreSQL, alone: it starts in a fraction of a second."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, PortTaken, ServiceError
from claims_pipeline.ports import free_port
from claims_pipeline.processes import is_running, wait_until
from claims_pipeline.server.binaries import require_reachable
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import IS_ROOT
from claims_pipeline_tests.conftest import open_home

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def running() -> Iterator[Postgres]:
    """A running cluster with one table of 1,000 rows; a test that stops it starts it again."""
    home = open_home()
    postgres = Postgres(home / "postgres", free_port())
    postgres.start(lambda _: None)
    assert postgres.query("CREATE TABLE example AS SELECT * FROM generate_series(1, 1000) AS number") is not None
    yield postgres
    postgres.stop()
    shutil.rmtree(home)


def rows(postgres: Postgres) -> str | None:
    return postgres.query("SELECT count(*) FROM example")


def test_it_is_version_18(running: Postgres) -> None:
    assert (running.query("SHOW server_version") or "").startswith("18.")


def test_it_listens_on_this_machine_only_and_wants_the_password(running: Postgres) -> None:
    assert running.query("SHOW listen_addresses") == "127.0.0.1"
    assert running.query("SELECT current_user || '@' || current_database()") == "fhir@fhir"
    (password,) = running.password().split()
    try:
        running.password_file.write_text("wrong")
        assert running.query("SELECT 1") is None
    finally:
        running.password_file.write_text(password)


def test_text_sorts_alike_on_every_operating_system(running: Postgres) -> None:
    collation = "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'fhir'"
    assert running.query(collation) == "b C.UTF-8"


def test_other_users_cannot_read_its_folder(running: Postgres) -> None:
    assert running.home.stat().st_mode & 0o777 == 0o700
    assert running.password_file.stat().st_mode & 0o777 == 0o600


def test_a_second_start_finds_it_running(running: Postgres) -> None:
    steps: list[str] = []
    assert running.start(steps.append) == running.process()
    assert steps == []


def test_data_survive_a_stop(running: Postgres) -> None:
    running.stop()
    assert running.process() is None
    running.start(lambda _: None)
    assert rows(running) == "1000"


def test_data_survive_a_kill(running: Postgres) -> None:
    process = running.process()
    assert process
    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not is_running(process), seconds=10)
    assert running.process() is None
    running.start(lambda _: None)
    assert rows(running) == "1000"


def test_a_pid_file_whose_pid_another_program_has_by_now_is_no_obstacle(running: Postgres) -> None:
    running.stop()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        pid_file = running.data / "postmaster.pid"
        pid_file.write_text(f"{other.pid}\n{running.data}\n1700000000\n{running.port}\n\n127.0.0.1\n 1 1\nready\n")
        assert running.process() is None
        running.start(lambda _: None)
        assert rows(running) == "1000"
        assert other.poll() is None
        other.kill()


def test_a_taken_port_is_named_with_the_variable_that_moves_it(running: Postgres) -> None:
    running.stop()
    with (
        socket.create_server(("127.0.0.1", running.port)),
        pytest.raises(PortTaken, match=f"port {running.port} is taken by .*PostgreSQL needs it") as caught,
    ):
        running.require_startable()
    assert "CLAIMS_POSTGRES_PORT" in caught.value.fix
    running.start(lambda _: None)


def test_a_running_cluster_is_not_moved_to_another_port_behind_its_back(running: Postgres) -> None:
    moved = Postgres(running.home, free_port())
    with pytest.raises(ServiceError, match=f"runs on port {running.port}, the settings say {moved.port}"):
        moved.require_startable()


def test_the_reason_of_a_failed_start_is_reported_in_the_words_of_postgresql(running: Postgres) -> None:
    running.stop()
    (running.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(ServiceError, match="database files are incompatible with server") as caught:
        running.start(lambda _: None)
    assert caught.value.where == str(running.log)
    (running.data / "PG_VERSION").write_text("18\n")
    running.start(lambda _: None)
    assert rows(running) == "1000"


def test_an_interrupted_first_start_is_repeated() -> None:
    home = open_home()
    postgres = Postgres(home / "postgres", free_port())
    (postgres.home / "data.new" / "base").mkdir(parents=True)  # initdb was killed
    (postgres.home / "password").write_text("of then")
    try:
        postgres.start(lambda _: None)
        assert postgres.query("SELECT 1") == "1"
    finally:
        postgres.stop()
        shutil.rmtree(home)


@pytest.mark.skipif(not IS_ROOT, reason="only root hands PostgreSQL to another user")
def test_a_folder_that_its_user_cannot_reach_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="which cannot enter") as caught:
        require_reachable(closed / "home")
    assert "CLAIMS_HOME" in caught.value.fix
