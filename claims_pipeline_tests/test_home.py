"""The folder of an installation is its owner's alone."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import claims_pipeline.cli
from claims_pipeline.cli.app import app
from claims_pipeline.errors import ConfigError
from claims_pipeline.home import can_pass, make_home, require_home
from claims_pipeline.server.binaries import as_unprivileged_user
from claims_pipeline.settings import IS_ROOT
from claims_pipeline_tests.conftest import open_home

CLOSED_TO_ROOT_TOO = Path("/sys/claims")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every user can enter, as earlier versions made it."""
    folder = open_home()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_is_for_its_owner(home: Path) -> None:
    make_home(home / "new")
    assert mode(home / "new") & 0o007 == 0
    assert mode(home / "new") & 0o700 == 0o700


def test_the_home_of_an_earlier_version_is_closed_with_what_lies_in_it(home: Path) -> None:
    (home / "lake").mkdir(mode=0o755)
    (home / "analytics.duckdb").touch(mode=0o644)
    (home / "elsewhere").symlink_to("/")

    make_home(home)
    make_home(home)

    assert mode(home) & 0o027 == 0
    assert mode(home / "lake") == 0o700
    assert mode(home / "analytics.duckdb") == 0o600
    assert mode(Path("/")) & 0o055 == 0o055


@pytest.mark.heavy
def test_what_a_command_makes_is_for_its_owner_only(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"CLAIMS": "20", "PATIENTS": "5", "START_DATE": "2025-01-01", "END_DATE": "2025-01-02"}
    for name, value in variables.items():
        monkeypatch.setenv(f"CLAIMS_{name}", value)
    monkeypatch.setenv("CLAIMS_HOME", str(home))
    monkeypatch.setattr("sys.argv", ["claims", "generate"])
    before = os.umask(0o022)
    try:
        with pytest.raises(SystemExit) as end:
            claims_pipeline.cli.main()
    finally:
        os.umask(before)

    assert not end.value.code
    made = list((home / "lake").rglob("*"))
    assert made
    assert not [path for path in made if mode(path) & 0o077]


@pytest.mark.skipif(not IS_ROOT, reason="only root hands PostgreSQL to another user")
def test_postgresql_s_user_passes_through_the_home_of_root_and_sees_nothing(home: Path) -> None:
    make_home(home)
    (home / "server").mkdir()
    assert can_pass(home)
    as_nobody = as_unprivileged_user()
    assert (
        subprocess.run(["/bin/ls", "-d", home / "server"], check=False, capture_output=True, **as_nobody).returncode
        == 0
    )
    assert subprocess.run(["/bin/ls", home], check=False, capture_output=True, **as_nobody).returncode != 0


def test_a_folder_that_leads_to_the_home_is_not_closed(home: Path) -> None:
    before = os.umask(0o077)
    try:
        make_home(home / "of all" / "home")
    finally:
        os.umask(before)
    assert mode(home / "of all") == 0o755


@pytest.mark.parametrize("check", [require_home, make_home])
def test_a_home_that_cannot_be_written_is_a_settings_error(check: object) -> None:
    assert callable(check)
    with pytest.raises(ConfigError, match="the folder of the installation cannot be written") as caught:
        check(CLOSED_TO_ROOT_TOO)
    assert caught.value.where == str(CLOSED_TO_ROOT_TOO)
    assert "CLAIMS_HOME" in caught.value.fix


def test_a_home_that_is_a_file_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="a file, not a folder"):
        make_home(tmp_path / "file" / "home")


COMMANDS = (
    ("up",),
    ("demo", "--days", "1", "--once"),
    ("server", "start"),
    ("server", "restore", "--yes", "any.backup"),
)


@pytest.fixture(params=COMMANDS, ids=" ".join)
def refusal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], ConfigError]:
    """Runs a command in a home that it refuses, and returns its error."""

    def run(home: Path) -> ConfigError:
        monkeypatch.setenv("CLAIMS_HOME", str(home))
        error = CliRunner().invoke(app, request.param).exception
        assert isinstance(error, ConfigError)
        assert error.exit_code == 2
        return error

    return run


def test_every_command_refuses_a_home_that_cannot_be_written_in_the_same_words(
    refusal: Callable[[Path], ConfigError],
) -> None:
    error = refusal(CLOSED_TO_ROOT_TOO)
    assert error.message.startswith("the folder of the installation cannot be written: ")


def test_every_command_refuses_a_heap_that_is_too_small_and_makes_nothing(
    refusal: Callable[[Path], ConfigError], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_MEMORY", "100m")
    assert refusal(home).message == "CLAIMS_FHIR_MEMORY: 100m is too little: HAPI FHIR needs 256m or more"
    assert list(home.iterdir()) == []


@pytest.mark.skipif(not IS_ROOT, reason="only root hands PostgreSQL to another user")
def test_every_command_refuses_a_home_that_postgresql_cannot_reach_and_makes_nothing(
    refusal: Callable[[Path], ConfigError], tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert refusal(closed / "home").message.startswith("PostgreSQL runs as the user nobody, which cannot enter ")
    assert list(closed.iterdir()) == []
