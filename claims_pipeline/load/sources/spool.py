"""What was read, on disk: bodies in Parquet parts, keys and references in a DuckDB file.

Only one part of bodies is in memory at a time, and DuckDB works within `_MEMORY`, so that memory stays flat.

Tables: `resources` (a row each, `seq` in reading order), `links` (references as written), `full_urls` (what Bundles
call their entries), `refused`, `inputs` (names of the files); `located` is `resources` with `source` ("file:line").
"""

from pathlib import Path

import duckdb
import polars as pl

from claims_pipeline.fhir import content_hash
from claims_pipeline.load.sources.checks import Admitted
from claims_pipeline.load.sources.documents import Refusal

PART_CHARACTERS = 8 * 1024 * 1024
PART_ROWS = 20_000

LONGEST_SHOWN = 500
"""Characters of a reason or a name in it."""

_MEMORY = "200MB"
_TABLES = """
CREATE TABLE inputs (file INTEGER, name VARCHAR);
CREATE TABLE resources (
    seq BIGINT, part INTEGER, file INTEGER, line BIGINT, bundle BIGINT,
    resource_type VARCHAR, resource_id VARCHAR, content_hash VARCHAR
);
CREATE TABLE links (seq BIGINT, bundle BIGINT, reference VARCHAR);
CREATE TABLE full_urls (bundle BIGINT, full_url VARCHAR, target VARCHAR);
CREATE TABLE refused (file INTEGER, line BIGINT, resource_type VARCHAR, resource_id VARCHAR, reason VARCHAR);
CREATE VIEW located AS SELECT *, name || ':' || line AS source FROM resources JOIN inputs USING (file);
"""
_ADMITTED_SCHEMA = {
    "seq": pl.Int64(),
    "part": pl.Int32(),
    "file": pl.Int32(),
    "line": pl.Int64(),
    "bundle": pl.Int64(),
    "full_url": pl.String(),
    "resource_type": pl.String(),
    "resource_id": pl.String(),
    "body": pl.String(),
}
_REFUSED_SCHEMA = {
    "file": pl.Int32(),
    "line": pl.Int64(),
    "resource_type": pl.String(),
    "resource_id": pl.String(),
    "reason": pl.String(),
}

REFERENCE = r'"reference":"((?:[^"\\]|\\.)*)"'
"""A Reference in canonical JSON. Inside a string the quotes would be escaped, so nothing else looks like this."""


class Spool:
    """Collects resources and refusals in `folder`; `flush` when all has been added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: list[tuple[int, int, int, int, int | None, str | None, str, str, str]] = []
        self._refused: list[tuple[int, int, str | None, str | None, str | None]] = []
        self._characters = 0
        self._count = 0
        self._part = 0
        self.connection = duckdb.connect(str(folder / "keys.duckdb"))
        self.connection.execute(
            f"SET memory_limit = '{_MEMORY}'; SET threads = 2; SET preserve_insertion_order = false"
        )
        self.connection.execute(_TABLES)

    def add_input(self, file: int, name: str) -> None:
        """Record the name of a file."""
        self.connection.execute("INSERT INTO inputs VALUES (?, ?)", [file, _valid(name)])

    def add(self, file: int, found: Admitted | Refusal) -> None:
        """Add one resource, or one place where none could be read."""
        if isinstance(found, Refusal):
            shown = (_shown(found.resource_type), _shown(found.resource_id), _shown(found.reason))
            self._refused.append((file, found.line, *shown))
        else:
            key = (found.resource_type, found.resource_id, found.body)
            full_url = _valid(found.full_url)
            self._rows.append((self._count, self._part, file, found.line, found.bundle, full_url, *key))
            self._count += 1
            self._characters += len(found.body)
        if self._characters >= PART_CHARACTERS or len(self._rows) + len(self._refused) >= PART_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what has been added to disk."""
        refused = pl.DataFrame(self._refused, schema=_REFUSED_SCHEMA, orient="row")
        rows = pl.DataFrame(self._rows, schema=_ADMITTED_SCHEMA, orient="row")
        self._rows, self._refused, self._characters = [], [], 0
        self._insert("refused", refused)
        if rows.is_empty():
            return
        rows.select("seq", "resource_type", "resource_id", "body").write_parquet(self.part_path(self._part))
        self._part += 1
        hashed = rows.with_columns(content_hash(pl.col("body")).alias("content_hash"))
        keys = ("seq", "part", "file", "line", "bundle", "resource_type", "resource_id", "content_hash")
        self._insert("resources", hashed.select(keys))
        self._insert("links", _links(rows))
        called = rows.filter(pl.col("full_url").is_not_null())
        target = pl.concat_str("resource_type", pl.lit("/"), "resource_id").alias("target")
        self._insert("full_urls", called.select("bundle", "full_url", target))

    def part_path(self, part: int) -> Path:
        """Return the file of the bodies of a part: columns seq, resource_type, resource_id, body."""
        return self.folder / f"part-{part:06}.parquet"

    def parts(self, tier: int) -> list[int]:
        """Return in order the parts that hold a resource of a tier."""
        query = "SELECT DISTINCT part FROM placed JOIN resources USING (seq) WHERE tier = ? ORDER BY part"
        return [part for (part,) in self.connection.execute(query, [tier]).fetchall()]

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Return the rows of a query."""
        found: pl.DataFrame = self.connection.sql(query, params=parameters or None).pl()
        return found

    def close(self) -> None:
        """Give the keys free."""
        self.connection.close()

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        if not frame.is_empty():
            self.connection.register("added", frame.to_arrow())
            self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM added")  # noqa: S608  our own names
            self.connection.unregister("added")


def _valid(text: str | None) -> str | None:
    """Return text from outside as it may be stored: what is not valid Unicode is written as an escape."""
    return None if text is None else text.encode(errors="backslashreplace").decode()


def _shown(text: str | None) -> str | None:
    """Return text from bad input as it may be shown to a person."""
    return _valid(text if text is None or len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def references_in(body: pl.Expr) -> pl.Expr:
    """Return the distinct References of a resource, as written."""
    found = body.str.extract_all(REFERENCE).list.eval(pl.element().str.extract(REFERENCE))
    return found.list.unique(maintain_order=True)


def _links(rows: pl.DataFrame) -> pl.DataFrame:
    """Return seq, bundle and reference of every reference that leads out of its resource."""
    links = rows.select("seq", "bundle", reference=references_in(pl.col("body"))).explode("reference")
    return links.filter(pl.col("reference").is_not_null() & ~pl.col("reference").str.starts_with("#"))
