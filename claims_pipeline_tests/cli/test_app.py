import subprocess
import sys

import pytest

from claims_pipeline import __version__


def claims(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does, in a process of its own."""
    call = [sys.executable, "-c", "from claims_pipeline.cli import main; main()", *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def test_version_is_printed() -> None:
    assert claims("--version").stdout == f"claims_pipeline {__version__}\n"


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"]], ids=" ".join)
def test_wrong_usage_exits_with_2_and_no_traceback(arguments: list[str]) -> None:
    done = claims(*arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
