"""The published analytics file: whether it can be read, what it was built from, and what to do if it cannot be read."""

from pathlib import Path

import duckdb

from claims_pipeline.aggregate.built_from import BuiltFrom, attach_read_only, select_built_from
from claims_pipeline.aggregate.models import models_digest
from claims_pipeline.dashboard.turns import too_busy
from claims_pipeline.errors import DataError


class NotBuilt(DataError):
    """There is no analytics file that this version can read."""


HELD_BACK = {
    "Permission denied": "let the user who runs the dashboard read it",
    "Could not set lock on file": "end the program that has it open for writing; to look into it, open it read only",
    "Too many open files": "raise the limit of open files (ulimit -n), or ask less at once",
}
"""What to do about a file that may be sound but cannot be opened, by a part of DuckDB's error."""


def unreadable(path: Path, error: duckdb.Error | PermissionError) -> NotBuilt:
    """Return the error about a file that cannot be read, with advice that fits its cause."""
    message = str(error).splitlines()[0]
    fixes = (fix for cause, fix in HELD_BACK.items() if cause in message)
    return NotBuilt(
        f"the analytics file cannot be read: {message}",
        where=str(path),
        fix=next(fixes, "remove it, then: claims aggregate"),
    )


def identity_of(path: Path) -> tuple[int, int, int]:
    """Return what tells one build at `path` from the next.

    Raises:
        NotBuilt: there is none, or its folder cannot be read.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotBuilt("the analytics are not built yet", where=str(path), fix="claims aggregate") from None
    except PermissionError as error:
        raise unreadable(path, error) from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def attach(connection: duckdb.DuckDBPyConnection, path: Path) -> BuiltFrom:
    """Attach the analytics file at `path`, and return what it was built from.

    Raises:
        NotBuilt: there is none, or it cannot be read, or another version built it.
        TooBusy: there is no memory for it.
    """
    identity_of(path)  # says of a missing file that the analytics are not built yet
    try:
        attach_read_only(connection, path)
        built_from = select_built_from(connection)
    except duckdb.OutOfMemoryException as error:
        raise too_busy("there is not enough memory to open the analytics") from error
    except duckdb.Error as error:
        raise unreadable(path, error) from error
    if built_from is None or built_from.models_digest != models_digest():
        raise NotBuilt(
            "the analytics were built by another version",
            where=str(path),
            fix="restart the dashboard, which an upgrade may have left behind; if that does not help: claims aggregate",
        )
    return built_from
