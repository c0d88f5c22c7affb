"""`dagster dev` with the guarded webserver.

`python -m claims_pipeline.orchestration.dev` takes the options of `dagster dev`. It starts and watches the code server,
the webserver and the daemon.
"""

import subprocess
from collections.abc import Sequence
from typing import Any

from dagster._cli import dev
from dagster_shared.ipc import open_ipc_subprocess

GUARDED = "claims_pipeline.orchestration.webserver"


def open_guarded(parts: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
    """Start one of the processes of `dagster dev`, with our webserver in the place of Dagster's."""
    process: subprocess.Popen[Any] = open_ipc_subprocess(
        [GUARDED if part == "dagster_webserver" else part for part in parts], **options
    )
    return process


if __name__ == "__main__":
    vars(dev).update(open_ipc_subprocess=open_guarded)  # `dagster dev` has no option for it
    dev.dev_command()
