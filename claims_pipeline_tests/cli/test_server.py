"""`claims server` as a person meets it."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings
from claims_pipeline_tests.cli.running import run_claims
from claims_pipeline_tests.conftest import open_home


def claims_server(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_claims("server", *arguments, **variables)


def variables_of(settings: Settings) -> dict[str, str]:
    return {
        "CLAIMS_HOME": str(settings.home),
        "CLAIMS_FHIR_PORT": str(settings.fhir_port),
        "CLAIMS_POSTGRES_PORT": str(settings.postgres_port),
    }


@pytest.mark.server
def test_the_status_of_a_running_server_exits_with_0(fhir_server: Settings) -> None:
    done = claims_server("status", "--json", **variables_of(fhir_server))
    assert done.returncode == 0
    assert json.loads(done.stdout)["state"] == "running"


@pytest.mark.server
def test_starting_a_running_server_reports_that_it_runs_in_plain_lines(fhir_server: Settings) -> None:
    done = claims_server("start", **variables_of(fhir_server))
    assert done.returncode == 0
    assert "already running" in done.stderr
    assert done.stdout.startswith("FHIR server     running")
    assert "\x1b" not in done.stdout + done.stderr


def test_the_status_of_a_stopped_server_exits_with_3(tmp_path: Path) -> None:
    done = claims_server("status", CLAIMS_HOME=str(tmp_path))
    assert done.returncode == 3
    assert done.stdout.startswith("FHIR server     stopped")


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach."""
    folder = open_home()
    yield folder
    shutil.rmtree(folder)


def test_a_taken_port_is_three_lines_that_name_its_holder_and_the_variable(reachable: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = claims_server("start", CLAIMS_HOME=str(reachable), CLAIMS_FHIR_PORT=port)
    assert done.returncode == 1
    what, where, fix = done.stderr.splitlines()
    assert f"port {port} is taken by" in what
    assert f"pid {os.getpid()}" in what
    assert port in where
    assert "CLAIMS_FHIR_PORT=<another port>" in fix


def test_a_port_that_is_no_number_is_a_settings_error(tmp_path: Path) -> None:
    done = claims_server("start", CLAIMS_HOME=str(tmp_path), CLAIMS_FHIR_PORT="http")
    assert done.returncode == 2
    assert "CLAIMS_FHIR_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_preparing_a_server_that_does_not_answer_exits_with_3() -> None:
    done = claims_server("prepare", "--fhir-base", f"http://127.0.0.1:{free_port()}/fhir")
    assert done.returncode == 3
    assert "does not answer" in done.stderr


def test_a_log_that_is_not_there_is_reported(tmp_path: Path) -> None:
    done = claims_server("logs", CLAIMS_HOME=str(tmp_path))
    assert done.returncode == 1
    assert "there is no log of hapi yet" in done.stderr


@pytest.mark.parametrize("command", [("server", "wipe"), ("remove",)], ids=" ".join)
@pytest.mark.parametrize("answer", ["", "n\n"], ids=["no answer", "no"])
def test_what_deletes_asks_first_and_says_how_to_do_without(
    command: tuple[str, ...], answer: str, tmp_path: Path
) -> None:
    done = run_claims(*command, text=answer, CLAIMS_HOME=str(tmp_path))
    assert done.returncode == 1
    question, what, fix = (line for line in done.stderr.splitlines() if line)
    assert question.startswith("Delete ")
    assert what == "error: it was not confirmed, so nothing was done"
    assert fix.endswith("--yes")


def test_restoring_what_is_no_backup_is_three_lines_and_asks_nothing(reachable: Path) -> None:
    file = reachable / "claims.csv"
    file.write_text("id,amount")
    done = claims_server("restore", str(file), CLAIMS_HOME=str(reachable / "home"))
    assert done.returncode == 1
    what, where, fix = done.stderr.splitlines()
    assert "this is no backup of a server" in what
    assert str(file) in where
    assert "claims server backup" in fix
    assert not (reachable / "home").exists()


@pytest.mark.parametrize(("name", "said"), [("no-such.backup", "there is no such file"), ("", "this is a folder")])
def test_restoring_a_file_that_is_not_there_is_wrong_usage(reachable: Path, name: str, said: str) -> None:
    done = claims_server("restore", str(reachable / name), CLAIMS_HOME=str(reachable / "home"))
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[0]


def test_a_backup_of_no_server_is_refused(tmp_path: Path) -> None:
    done = claims_server("backup", str(tmp_path / "fhir.backup"), CLAIMS_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert "there is no server to back up yet" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["start", "stop", "status", "logs", "prepare", "backup", "restore", "wipe"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert "Example: " in claims_server(command, "--help").stdout
