"""Files of rows: written by DuckDB's COPY, and no longer than the client waits for them.

A file is written by a database of its own with one thread: two threads need 300 MB more to keep the rows in order, and
pyarrow, which could write them in batches, takes 60 MB of memory for as long as the dashboard runs.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import IO, Any

import duckdb

from claims_pipeline.errors import DataError

MEMORY_LIMIT = "256MB"
CLIENT_CHECK_SECONDS = 0.25
"""How often the writing of a file checks whether its client is still there."""

Attach = Callable[[duckdb.DuckDBPyConnection], object]


class ClientLeft(DataError):
    """The client closed its connection before its file was complete."""


def write_rows(
    attach: Attach, sql: str, parameters: tuple[Any, ...], *, folder: str, options: str, has_left: Callable[[], bool]
) -> IO[bytes]:
    """Return an open file with the rows of a query; it has no name.

    Args:
        attach: attaches to a connection what the query reads.
        sql: the query.
        parameters: values for its placeholders.
        folder: in which the file is written.
        options: of DuckDB's COPY.
        has_left: whether the client has left. It is called while the file is written; if it has, writing ends.

    Raises:
        ClientLeft: the client has left.
    """
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": own, "threads": 1}) as connection,
    ):
        attach(connection)
        connection.execute(f"set allowed_directories = [{_quoted(own)}]")
        connection.execute("set enable_external_access = false")
        file = Path(own, "rows")
        _execute(connection, f"copy ({sql}) to {_quoted(file)} ({options})", parameters, has_left)
        return file.open("rb")


def _execute(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: tuple[Any, ...], has_left: Callable[[], bool]
) -> None:
    """Execute a statement; interrupt it if its client leaves, or if that cannot be found out.

    Raises:
        ClientLeft: the client has left.
    """
    with ThreadPoolExecutor(1) as thread:
        execution = thread.submit(connection.execute, sql, parameters)
        try:
            while wait([execution], CLIENT_CHECK_SECONDS).not_done and not has_left():
                pass
        finally:
            was_complete = execution.done()
            while not execution.done():
                connection.interrupt()  # again each time: it does nothing before the statement has begun
                wait([execution], CLIENT_CHECK_SECONDS)
        if not was_complete:
            raise ClientLeft("the client left before its file was complete", where="dashboard", fix="")
        execution.result()


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"
