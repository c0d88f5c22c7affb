import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from claims_pipeline import __version__, cli
from claims_pipeline_tests.cli.running import run_claims


def claims(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, in a process of its own."""
    call = [sys.executable, "-c", "from claims_pipeline.cli import main; main()", *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False, env=os.environ | variables)


def test_version_is_printed() -> None:
    assert claims("--version").stdout == f"claims_pipeline {__version__}\n"


@pytest.mark.heavy
@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"]], ids=" ".join)
def test_wrong_usage_exits_with_2_and_no_traceback(arguments: list[str]) -> None:
    done = claims(*arguments)

    what, fix = done.stderr.splitlines()
    assert done.returncode == 2
    assert what.startswith(f"error: No such {'option' if '-' in arguments[0][:1] else 'command'}")
    assert fix == "try:   claims --help"


@pytest.mark.parametrize("group", [[], ["server"], ["dead-letters"]], ids=str)
def test_a_group_without_a_command_prints_its_help(group: list[str]) -> None:
    done = run_claims(*group)

    assert done.returncode == 2
    assert "Usage: claims" in done.stdout + done.stderr
    assert "error:" not in done.stderr


@pytest.mark.heavy
def test_a_folder_that_cannot_be_made_is_named_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = claims("demo", "--once", CLAIMS_HOME=str(tmp_path / "file" / "home"))

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: this is a file, not a folder\nwhere: {tmp_path / 'file'}\ntry:   ")
    assert "Traceback" not in done.stderr


def test_a_name_of_a_file_that_is_no_text_is_printed_with_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "utf-8", write_through=True))
    monkeypatch.setattr(sys, "argv", ["claims", "load", "\udcff.ndjson"])
    monkeypatch.setattr(cli, "app", lambda **_: typer.echo(f"Load: {sys.argv[-1]}"))
    before = os.umask(0o022)
    try:
        with pytest.raises(SystemExit) as ended:
            cli.main()
    finally:
        os.umask(before)

    assert ended.value.code is None
    assert printed.getvalue() == b"Load: \\udcff.ndjson\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_every_command_with_130_and_no_traceback(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "app", lambda **_: signal.raise_signal(number))
    monkeypatch.setattr("sys.argv", ["claims", "quality"])
    before = os.umask(0o022)
    try:
        with pytest.raises((SystemExit, KeyboardInterrupt)) as ended:
            cli.main()
    finally:
        os.umask(before)

    assert isinstance(ended.value, SystemExit)
    assert ended.value.code == 130
