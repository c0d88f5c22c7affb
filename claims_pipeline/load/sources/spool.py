"""Stores what was read on disk: bodies in Parquet parts, keys and references in a DuckDB file.

Only one part of bodies is in memory at a time, and DuckDB works within `_MEMORY`, so that memory stays flat.

Tables: `inputs` (the files), `resources` (a row each, `seq` in reading order), `links` (References as written), `urls`
(other strings that an entry of the Bundle may be meant by), `full_urls` (what Bundles call their entries), `own_ids`
(resources that are sent under another id than their own), `refused`, `deletions`, `skipped`, `left_out` ("Type/id" of
resources whose type was not asked for). `bundle` is -1 for resources outside a Bundle. `located` is `resources` with
`source` ("file:line").

Longer than other modules: the tables and the class that fills them are read together.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.fhir import content_hash
from claims_pipeline.load.ordering import insert
from claims_pipeline.load.sources.admission import Admitted
from claims_pipeline.load.sources.candidates import Deletion, Refusal, Skipped

PART_CHARACTERS = 8 * 1024 * 1024
PART_ROWS = 20_000
PAGE_ROWS = 20_000

LONGEST_SHOWN = 500
"""Characters of a reason or a name in it."""

REFERENCE = r'"reference":"((?:[^"\\]|\\.)*)"'
"""A Reference in canonical JSON. Quotes inside a string are escaped, so nothing else matches."""

_MEMORY = "200MB"
_NO_BUNDLE = -1
_URL = r'"(urn:(?:uuid|oid):[^"\\]*)"'
_URL_OR_NAME = r'"(urn:(?:uuid|oid):[^"\\]*|[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})"'

_TABLES = """
CREATE TABLE inputs (file INTEGER, name VARCHAR, is_scanned BOOLEAN);
CREATE TABLE resources (
    seq BIGINT, part INTEGER, file INTEGER, line BIGINT, entry INTEGER, bundle BIGINT,
    resource_type VARCHAR, resource_id VARCHAR, content_hash VARCHAR
);
CREATE TABLE links (seq BIGINT, bundle BIGINT, reference VARCHAR);
CREATE TABLE urls (seq BIGINT, bundle BIGINT, url VARCHAR);
CREATE TABLE full_urls (bundle BIGINT, full_url VARCHAR, target VARCHAR);
CREATE TABLE own_ids (name VARCHAR, target VARCHAR);
CREATE TABLE refused (
    file INTEGER, line BIGINT, entry INTEGER,
    resource_type VARCHAR, resource_id VARCHAR, reason VARCHAR, is_other BOOLEAN
);
CREATE TABLE deletions (file INTEGER, line BIGINT, entry INTEGER, resource_type VARCHAR, resource_id VARCHAR);
CREATE TABLE left_out (key VARCHAR);
CREATE TABLE skipped (file INTEGER, line BIGINT, entry INTEGER, what VARCHAR);
CREATE MACRO place(name, line, entry) AS name || ':' || line || coalesce(' (entry ' || entry || ')', '');
CREATE VIEW located AS SELECT *, place(name, line, entry) AS source FROM resources JOIN inputs USING (file);
"""
_PLACE = {"file": pl.Int32(), "line": pl.Int64(), "entry": pl.Int32()}
_ADMITTED_SCHEMA = {
    "seq": pl.Int64(),
    "part": pl.Int32(),
    **_PLACE,
    "bundle": pl.Int64(),
    "full_url": pl.String(),
    "own_id": pl.String(),
    "resource_type": pl.String(),
    "resource_id": pl.String(),
    "body": pl.String(),
}
_OTHER_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "inputs": {"file": pl.Int32(), "name": pl.String(), "is_scanned": pl.Boolean()},
    "refused": {
        **_PLACE,
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "reason": pl.String(),
        "is_other": pl.Boolean(),
    },
    "deletions": {**_PLACE, "resource_type": pl.String(), "resource_id": pl.String()},
    "skipped": {**_PLACE, "what": pl.String()},
    "left_out": {"key": pl.String()},
    "full_urls": {"bundle": pl.Int64(), "full_url": pl.String(), "target": pl.String()},
    "own_ids": {"name": pl.String(), "target": pl.String()},
}


class Spool:
    """Writes what is found in files to `folder`; call `flush` after the last `add`.

    Args:
        folder: an empty folder.
        follows_names: also look for `Type/id` in elements that are no References, for ids that are to be changed.
    """

    def __init__(self, folder: Path, *, follows_names: bool = False) -> None:
        self.folder = folder
        self.left_out: Counter[str] = Counter()
        self._url = _URL_OR_NAME if follows_names else _URL
        self._rows: list[tuple[object, ...]] = []
        self._others: dict[str, list[tuple[object, ...]]] = {table: [] for table in _OTHER_SCHEMAS}
        self._characters = 0
        self._count = 0
        self._part = 0
        with self.translated():
            self.connection = duckdb.connect(str(folder / "keys.duckdb"))
            self.connection.execute(
                f"SET memory_limit = '{_MEMORY}'; SET threads = 2; SET preserve_insertion_order = false;"
                "PRAGMA disable_checkpoint_on_shutdown"  # the file is deleted when the load ends
            )
            self.connection.execute(_TABLES)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Translate errors of the disk, DuckDB and Polars inside the block to a DataError."""
        try:
            yield
        except (duckdb.Error, pl.exceptions.PolarsError, OSError) as error:
            kind = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise DataError(
                f"what was read cannot be spooled: {'no space left' if 'space' in str(error) else kind}",
                where=str(self.folder.parent),
                fix="make room on this disk, or set CLAIMS_HOME to a folder on another, then the same command again",
            ) from error

    def add_input(self, file: int, name: str, *, is_scanned: bool) -> None:
        """Record the name of a file; `is_scanned` if it was found in a folder or an archive."""
        self._others["inputs"].append((file, _valid(name), is_scanned))
        self._flush_if_full()

    def add(self, file: int, found: Admitted | Refusal | Deletion | Skipped) -> None:
        """Add one resource, or the reason why none could be read."""
        where = (file, found.place.line, found.place.entry)
        match found:
            case Refusal():
                shown = (_shown(found.resource_type), _shown(found.resource_id), _shown(found.reason))
                self._others["refused"].append((*where, *shown, found.is_other))
            case Deletion():
                self._others["deletions"].append((*where, found.resource_type, found.resource_id))
            case Skipped():
                self._others["skipped"].append((*where, found.what))
            case Admitted():
                bundle = _NO_BUNDLE if found.bundle is None else found.bundle
                names = (_valid(found.full_url), _valid(found.own_id))
                key = (found.resource_type, found.resource_id, found.body)
                self._rows.append((self._count, self._part, *where, bundle, *names, *key))
                self._count += 1
                self._characters += len(found.body)
        self._flush_if_full()

    def leave_out(self, resource_type: str, named: Admitted | None) -> None:
        """Count a resource that is not to be loaded; keep how others refer to it, unless it has no valid id."""
        self.left_out[resource_type] += 1
        if named is None:
            return
        key = f"{resource_type}/{named.resource_id}"
        self._others["left_out"].append((key,))
        if named.full_url is not None:
            bundle = _NO_BUNDLE if named.bundle is None else named.bundle
            self._others["full_urls"].append((bundle, _valid(named.full_url), key))
        if named.own_id is not None:
            self._others["own_ids"].append((f"{resource_type}/{_valid(named.own_id)}", key))
        self._flush_if_full()

    def flush(self) -> None:
        """Write what has been added to disk."""
        with self.translated():
            self._flush()

    def _flush_if_full(self) -> None:
        waiting = len(self._rows) + sum(map(len, self._others.values()))
        if self._characters >= PART_CHARACTERS or waiting >= PART_ROWS:
            self.flush()

    def _flush(self) -> None:
        for table, waiting in self._others.items():
            insert(self.connection, table, pl.DataFrame(waiting, schema=_OTHER_SCHEMAS[table], orient="row"))
            waiting.clear()
        rows = pl.DataFrame(self._rows, schema=_ADMITTED_SCHEMA, orient="row")
        self._rows, self._characters = [], 0
        if rows.is_empty():
            return
        rows.select("seq", "resource_type", "resource_id", "body").write_parquet(self.part_path(self._part))
        self._part += 1
        hashed = rows.with_columns(content_hash(pl.col("body")).alias("content_hash"))
        keys = ("seq", "part", *_PLACE, "bundle", "resource_type", "resource_id", "content_hash")
        insert(self.connection, "resources", hashed.select(keys))
        insert(self.connection, "links", _links(rows))
        insert(self.connection, "urls", _urls(rows, self._url))
        target = pl.concat_str("resource_type", pl.lit("/"), "resource_id").alias("target")
        called = rows.filter(pl.col("full_url").is_not_null())
        insert(self.connection, "full_urls", called.select("bundle", "full_url", target))
        own_name = pl.concat_str("resource_type", pl.lit("/"), "own_id").alias("name")
        insert(self.connection, "own_ids", rows.filter(pl.col("own_id").is_not_null()).select(own_name, target))

    def part_path(self, part: int) -> Path:
        """Return the file of the bodies of a part: columns seq, resource_type, resource_id, body."""
        return self.folder / f"part-{part:06}.parquet"

    def bodies(self, part: int) -> pl.DataFrame:
        """Return the bodies of a part: columns seq, resource_type, resource_id, body."""
        with self.translated():
            return pl.read_parquet(self.part_path(part))

    def parts(self, tier: int) -> list[int]:
        """Return in order the parts that hold a resource of a tier."""
        query = "SELECT DISTINCT part FROM placed JOIN resources USING (seq) WHERE tier = ? ORDER BY part"
        return [part for (part,) in self.execute(query, [tier]).fetchall()]

    def execute(self, statement: str, parameters: Sequence[object] | dict[str, Any] | None = None) -> Any:
        """Execute a statement and return its result.

        Raises:
            DataError: the disk is full.
        """
        with self.translated():
            return self.connection.execute(statement, parameters)

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Return the rows of a query."""
        with self.translated():
            found: pl.DataFrame = self.connection.sql(query, params=parameters or None).pl()
            return found

    def number_of(self, table: str, expression: str = "count(*)") -> int:
        """Return the number of rows of a table, or another aggregate of them."""
        ((number,),) = self.execute(f"SELECT {expression} FROM {table}").fetchall()  # noqa: S608  own names
        return int(number)

    def pages(self, query: str, table: str, schema: pl.Schema) -> Iterator[pl.DataFrame]:
        """Yield the rows of a query page by page, so that no result is held or sorted as a whole.

        Args:
            query: asks for the rows of `table` whose rowid is from $first to $last.
            table: a table whose rows were inserted in the order in which they are yielded.
            schema: of the rows.
        """
        count = self.number_of(table, "coalesce(max(rowid) + 1, 0)")
        for first in range(0, count, PAGE_ROWS):
            page = self.frame(query, first=first, last=first + PAGE_ROWS - 1).cast(schema)
            if not page.is_empty():
                yield page

    def close(self) -> None:
        """Close the database."""
        self.connection.close()


def _valid(text: str | None) -> str | None:
    """Return text as valid Unicode: invalid characters become escapes."""
    return None if text is None else text.encode(errors="backslashreplace").decode()


def _shown(text: str | None) -> str | None:
    """Return text from bad input as it may be printed, cut to `LONGEST_SHOWN` characters."""
    return _valid(text if text is None or len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def references_in(body: pl.Expr) -> pl.Expr:
    """Return the distinct References of a resource, as written."""
    found = body.str.extract_all(REFERENCE).list.eval(pl.element().str.extract(REFERENCE))
    return found.list.unique(maintain_order=True)


def _links(rows: pl.DataFrame) -> pl.DataFrame:
    """Return seq, bundle and reference of every reference to another resource."""
    links = rows.select("seq", "bundle", reference=references_in(pl.col("body"))).explode("reference")
    return links.filter(pl.col("reference").is_not_null() & ~pl.col("reference").str.starts_with("#"))


def _urls(rows: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Return seq, bundle and text of strings that are a URN in a Bundle's resource (or any name) and no Reference."""
    of_bundles = rows.lazy() if pattern == _URL_OR_NAME else rows.lazy().filter(pl.col("bundle") != _NO_BUNDLE)
    without_references = pl.col("body").str.replace_all(REFERENCE, "")
    urls = without_references.str.extract_all(pattern).list.eval(pl.element().str.extract(pattern)).list.unique()
    found = of_bundles.filter(pl.col("body").str.contains(pattern)).select("seq", "bundle", url=urls)
    return found.explode("url").drop_nulls("url").collect()
