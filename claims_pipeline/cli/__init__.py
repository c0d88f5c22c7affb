"""The command line: parse, call, print. No logic.

Each module defines the commands of one noun or verb on `app.app`. What a command needs is imported inside it,
so that `claims --help` does not wait for Polars or Dagster.
"""

import os
import sys
from io import TextIOWrapper
from typing import Any, NoReturn

import typer
from pydantic import ValidationError

from claims_pipeline.cli import (
    aggregate,
    dashboard,
    dead_letters,
    fidelity,
    generate,
    load,
    quality,
    reconcile,
    remove,
    server,
    stack,
)
from claims_pipeline.cli.app import app, print_error
from claims_pipeline.errors import ClaimsPipelineError, ConfigError, Interrupted
from claims_pipeline.home import UMASK
from claims_pipeline.settings import plain_words
from claims_pipeline.signals import ending_like_ctrl_c

__all__ = [
    "aggregate",
    "dashboard",
    "dead_letters",
    "fidelity",
    "generate",
    "load",
    "main",
    "quality",
    "reconcile",
    "remove",
    "server",
    "stack",
]


_UsageError: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")
"""Click's error for wrong usage: typer may bundle its own click, and exports only a subclass of this."""


def main() -> None:
    """Run the command line; a ClaimsPipelineError becomes two or three lines on standard error and an exit code.

    What it makes is for its owner only: people load their own data.
    """
    os.umask(UMASK)
    if isinstance(sys.stdout, TextIOWrapper):  # a file may have a name that is no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with ending_like_ctrl_c():
            _run()
    except ClaimsPipelineError as error:
        _fail(error)
    except OSError as error:  # no permission for a folder, a full disk: errors of the machine
        _fail(ClaimsPipelineError(error.strerror or str(error), where=str(error.filename or "")))
    except KeyboardInterrupt:
        sys.exit(Interrupted.exit_code)


def _run() -> None:
    """Run the application; wrong usage ends as every other error does.

    Raises:
        ConfigError: a command, an option or a value is wrong.
    """
    try:
        sys.exit(app(standalone_mode=False, prog_name="claims"))
    except typer.Abort as error:
        raise ConfigError("the input ended before it was complete", fix="claims COMMAND --help") from error
    except _UsageError as error:
        if not error.message:  # a group without a command: its help was printed
            sys.exit(ConfigError.exit_code)
        if isinstance(error.__cause__, ValidationError):
            error.message = plain_words(error.__cause__.errors(include_url=False)[0])
        command = error.ctx.command_path if error.ctx else "claims"
        raise ConfigError(error.format_message(), fix=f"{command} --help") from error


def _fail(error: ClaimsPipelineError) -> NoReturn:
    print_error(error, as_json="--json" in sys.argv)
    sys.exit(error.exit_code)
