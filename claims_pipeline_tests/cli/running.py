"""The command line inside the process of the tests: a process of its own takes half a second to import Polars."""

import contextvars
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from claims_pipeline.cli import main


def run_claims(*arguments: str, text: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `claims` with arguments, standard input and variables, and return its exit code and what it prints.

    `test_app.py` runs it as a process of its own, and so do the tests of signals.
    """
    stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    umask = os.umask(0)
    os.umask(umask)
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        mock.patch.object(sys, "argv", ["claims", *arguments]),
        mock.patch.object(sys, "stdin", stdin),
        mock.patch.dict(os.environ, variables),
    ):
        try:
            contextvars.copy_context().run(main)
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.umask(umask)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
