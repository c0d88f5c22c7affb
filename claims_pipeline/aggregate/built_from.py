"""The origin of an analytics file, recorded as one row in its table `built_from`."""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

TABLE = """
create table built_from (
    lake_digest varchar,
    models_digest varchar,
    feed varchar,
    day_count bigint,
    first_day date,
    last_day date,
    population_count bigint,
    built_at timestamp
)
"""


@dataclass(frozen=True)
class BuiltFrom:
    """Origin of an analytics file.

    Attributes:
        lake_digest: SHA-256 over the lake's files that the models read.
        models_digest: SHA-256 over the models.
        feed: content of the lake's feed.json, empty if it has none.
        day_count: number of partitions of claims, from `first_day` to `last_day`.
        population_count: persons in `enrollment`; those who have a claim may be fewer.
        built_at: UTC, without a time zone because DuckDB's `timestamp` has none.
    """

    lake_digest: str
    models_digest: str
    feed: str
    day_count: int
    first_day: date
    last_day: date
    population_count: int
    built_at: datetime


def write_built_from(connection: duckdb.DuckDBPyConnection, built_from: BuiltFrom) -> None:
    """Record the origin in the file that `connection` writes."""
    connection.execute(TABLE)
    connection.execute("insert into built_from values (?, ?, ?, ?, ?, ?, ?, ?)", list(asdict(built_from).values()))


def select_built_from(connection: duckdb.DuckDBPyConnection) -> BuiltFrom | None:
    """Return the origin recorded in an open file, or None if it is not an analytics file of this version."""
    columns = ", ".join(BuiltFrom.__dataclass_fields__)
    try:
        row = connection.execute(f"select {columns} from built_from").fetchone()
    except duckdb.CatalogException:
        return None
    except duckdb.BinderException:
        return None
    return BuiltFrom(*row) if row else None


def read_built_from(analytics_path: Path) -> BuiltFrom | None:
    """Return the origin of the published file, or None if there is no file that this version can read."""
    if not analytics_path.exists():
        return None
    try:
        with duckdb.connect() as connection:
            attach_read_only(connection, analytics_path)
            return select_built_from(connection)
    except duckdb.Error:
        return None


def attach_read_only(connection: duckdb.DuckDBPyConnection, analytics_path: Path) -> None:
    """Attach an analytics file read-only to an in-memory database, as the catalog `analytics`, and use that.

    `duckdb.connect(path)` would read a file that was replaced, as long as another connection of the same process still
    has the old one open.
    """
    quoted = str(analytics_path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as analytics (read_only)")
    connection.execute("use analytics")
