"""The log files of the embedded server."""

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from claims_pipeline.errors import DataError
from claims_pipeline.server.binaries import require_own
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings

LogName = Literal["hapi", "postgresql"]
POLL_SECONDS = 0.3


def log_files(settings: Settings) -> dict[str, Path]:
    """Return the log files of the embedded server by service."""
    return {"hapi": Hapi.of(settings).log, "postgresql": Postgres.of(settings).log}


def log_lines(settings: Settings, service: LogName, *, last: int, follow: bool = False) -> Iterator[str]:
    """Yield the last lines of a log and, with `follow`, new lines without end, including those of a later start.

    Raises:
        DataError: there is no log yet.
        ServiceError: the server belongs to another user.
    """
    require_own(settings.server_path)
    path = log_files(settings)[service]
    if not path.exists():
        raise DataError(f"there is no log of {service} yet", where=str(path), fix="claims server start")
    file = path.open(encoding="utf-8", errors="replace")
    try:
        yield from (line.rstrip("\n") for line in deque(file, maxlen=last))
        while follow:
            if line := file.readline():
                yield line.rstrip("\n")
            elif path.exists() and path.stat().st_ino != os.fstat(file.fileno()).st_ino:  # a new start began a new log
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                time.sleep(POLL_SECONDS)
    finally:
        file.close()
