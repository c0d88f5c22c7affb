"""The order in which resources are loaded, and the reverse order in which they are deleted.

`place` reads the tables `kept` and `targets` and adds the table `placed` (seq, tier, together): every resource is in a
tier after all that it refers to. Resources whose references form a cycle share a tier and a number `together`: the
server stores or deletes them only in one transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import polars as pl

from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.load.ledger.holdings import Holding
from claims_pipeline.load.resource import FILES

_START = """
CREATE TABLE edges AS
SELECT targets.seq AS source, kept.seq AS target
FROM targets JOIN kept ON kept.key = targets.target
WHERE targets.seq <> kept.seq;

CREATE TABLE placed AS
SELECT seq, 0 AS tier, NULL::BIGINT AS together FROM kept ANTI JOIN edges ON edges.source = kept.seq;
"""

_NEXT_TIER = """
CREATE OR REPLACE TABLE waiting AS SELECT DISTINCT source AS seq FROM edges;

CREATE OR REPLACE TABLE edges AS
SELECT edges.* FROM edges
ANTI JOIN (SELECT seq FROM placed WHERE tier = $tier) AS latest ON latest.seq = edges.target;

INSERT INTO placed
SELECT seq, $tier + 1, NULL FROM waiting ANTI JOIN edges ON edges.source = waiting.seq;
"""

_CYCLES = "CREATE OR REPLACE TABLE cycles AS SELECT * FROM edges"

_WITHOUT_WHAT_NOTHING_REFERS_TO = """
CREATE OR REPLACE TABLE cycles AS
SELECT cycles.* FROM cycles SEMI JOIN (SELECT target AS seq FROM cycles) AS named ON named.seq = cycles.source
"""

_LABELS = """
CREATE OR REPLACE TABLE labels AS
SELECT source AS seq, source AS together FROM cycles UNION SELECT target, target FROM cycles
"""

_SMALLER_LABELS = """
CREATE OR REPLACE TABLE labels AS
WITH neighbours AS (
    SELECT source AS seq, target AS other FROM cycles UNION ALL SELECT target, source FROM cycles
)
SELECT labels.seq, least(labels.together, min(theirs.together)) AS together
FROM labels
JOIN neighbours ON neighbours.seq = labels.seq
JOIN labels AS theirs ON theirs.seq = neighbours.other
GROUP BY labels.seq, labels.together
"""

_PLACE_CYCLES = """
INSERT INTO placed SELECT seq, $tier, together FROM labels;
CREATE OR REPLACE TABLE edges AS SELECT edges.* FROM edges ANTI JOIN labels ON labels.seq = edges.source;
"""
_MEMORY = "200MB"
_DELETABLE = "CREATE TABLE deletable (seq BIGINT, resource_type VARCHAR, resource_id VARCHAR, is_of_lake BOOLEAN)"
_TABLES = """
CREATE TABLE kept (key VARCHAR, seq BIGINT);
CREATE TABLE targets (seq BIGINT, target VARCHAR);
"""
_REFERRING_TO_A_GROUP = """
INSERT INTO targets
SELECT DISTINCT targets.seq, groups.key
FROM targets JOIN (SELECT key FROM kept WHERE seq < 0) AS groups ON starts_with(targets.target, groups.key)
ANTI JOIN kept ON kept.key = targets.target
"""
_OF_FILES = """
SELECT seq, resource_type, resource_id, together FROM placed JOIN deletable USING (seq)
WHERE tier = $tier ORDER BY together NULLS FIRST, resource_type, seq
"""
_OF_GROUP = """
SELECT seq, resource_type, resource_id, NULL::BIGINT AS together FROM deletable
WHERE is_of_lake AND resource_type = $resource_type ORDER BY seq
"""


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Insert rows into a table, each column into the one of its name."""
    if not rows.is_empty():
        connection.register("added", rows.to_arrow())
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM added")  # noqa: S608  own names
        connection.unregister("added")


def place(connection: duckdb.DuckDBPyConnection) -> int:
    """Add the table `placed` and return the number of tiers."""
    connection.execute(_START)
    tier = 0
    while _number(connection, "SELECT count(*) FROM edges"):
        for statement in _NEXT_TIER.split(";")[:-1]:
            connection.execute(statement, {"tier": tier} if "$tier" in statement else None)
        if not _number(connection, "SELECT count(*) FROM placed WHERE tier = $tier", tier=tier + 1):
            _place_cycles(connection, tier + 1)
        tier += 1
    return tier + 1


def _place_cycles(connection: duckdb.DuckDBPyConnection, tier: int) -> None:
    """Place what is left and cannot wait for each other: everything waits for a cycle, or is in one."""
    connection.execute(_CYCLES)
    _repeat(connection, _WITHOUT_WHAT_NOTHING_REFERS_TO, until_stable="SELECT count(*) FROM cycles")
    connection.execute(_LABELS)
    _repeat(connection, _SMALLER_LABELS, until_stable="SELECT sum(together) FROM labels")
    for statement in _PLACE_CYCLES.split(";")[:-1]:
        connection.execute(statement, {"tier": tier} if "$tier" in statement else None)


def _repeat(connection: duckdb.DuckDBPyConnection, statement: str, *, until_stable: str) -> None:
    before, now = None, _number(connection, until_stable)
    while now != before:
        connection.execute(statement)
        before, now = now, _number(connection, until_stable)


def _number(connection: duckdb.DuckDBPyConnection, query: str, **parameters: int) -> int:
    ((number,),) = connection.execute(query, parameters or None).fetchall()
    return int(number or 0)


class Step(NamedTuple):
    """One resource to delete; `together` is null, or a number of those that must be in one transaction."""

    seq: int
    resource_type: str
    resource_id: str
    together: int | None

    @property
    def name(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.resource_id}"


@dataclass
class DeletionOrder:
    """Collects resources, then yields them in tiers, each of which can be deleted when those before it are.

    Of resources from files the references are known, one by one. Those from a lake follow the order of its resource
    types, so all of a type count as one node (a group) of the graph.
    """

    connection: duckdb.DuckDBPyConnection
    groups: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def add(self, rows: Sequence[Holding]) -> None:
        """Add resources; one whose references are not known counts as having none."""
        numbers = range(self.count, self.count + len(rows))
        self.count += len(rows)
        frame = pl.DataFrame(
            [
                (number, row.resource_type, row.resource_id, row.origin != FILES, row.references)
                for number, row in zip(numbers, rows, strict=True)
            ],
            schema={
                "seq": pl.Int64,
                "resource_type": pl.String,
                "resource_id": pl.String,
                "is_of_lake": pl.Boolean,
                "target": pl.List(pl.String),
            },
            orient="row",
        )
        of_files = frame.filter(~pl.col("is_of_lake"))
        insert(self.connection, "deletable", frame.drop("target"))
        key = pl.format("{}/{}", "resource_type", "resource_id").alias("key")
        insert(self.connection, "kept", of_files.select(key, "seq"))
        insert(self.connection, "targets", of_files.select("seq", "target").explode("target").drop_nulls())
        for resource_type in frame.filter("is_of_lake")["resource_type"].unique():
            self.groups.setdefault(resource_type, -1 - len(self.groups))

    def tiers(self) -> Iterator[list[Step]]:
        """Yield the tiers, in the order in which they can be deleted. Call it once, when all has been added."""
        self._link_groups()
        types = {seq: resource_type for resource_type, seq in self.groups.items()}
        for tier in reversed(range(place(self.connection))):
            steps = self._steps(_OF_FILES, tier=tier)
            found = self.connection.execute("SELECT seq FROM placed WHERE tier = ? AND seq < 0", [tier]).fetchall()
            for (seq,) in found:
                steps += self._steps(_OF_GROUP, resource_type=types[seq])
            yield steps

    def targets_of(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Return what resources refer to: "Type/id" of the target -> "Type/id" of the first of `steps` that does."""
        names = {step.seq: step.name for step in steps}
        query = "SELECT target, min(seq) FROM targets WHERE seq = ANY($seqs) GROUP BY target"
        return {target: names[seq] for target, seq in self.connection.execute(query, {"seqs": list(names)}).fetchall()}

    def _steps(self, query: str, **parameters: object) -> list[Step]:
        return [Step(*row) for row in self.connection.execute(query, parameters).fetchall()]

    def _link_groups(self) -> None:
        for resource_type, seq in self.groups.items():
            self.connection.execute("INSERT INTO kept VALUES (?, ?)", [f"{resource_type}/", seq])
        self.connection.execute(_REFERRING_TO_A_GROUP)
        for rendering in RENDERINGS.values():
            if rendering.resource_type in self.groups:
                referring = self.groups[rendering.resource_type]
                for target in {target for target, _ in rendering.references} - {rendering.resource_type}:
                    query = "INSERT INTO targets SELECT ?, key FROM kept WHERE starts_with(key, ?)"
                    self.connection.execute(query, [referring, f"{target}/"])


@contextmanager
def placing(file: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a database with the tables that `place` reads, empty; it is in memory if no file is given."""
    with closing(duckdb.connect(str(file or ":memory:"))) as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'; SET threads = 2")
        connection.execute(_TABLES)
        yield connection


@contextmanager
def deletion_order(folder: Path) -> Iterator[DeletionOrder]:
    """Yield an empty order, which keeps ids and references in a temporary file in `folder`."""
    with (
        TemporaryDirectory(dir=folder, prefix="deletion-") as temporary,
        placing(Path(temporary) / "order.duckdb") as connection,
    ):
        connection.execute(_DELETABLE)
        yield DeletionOrder(connection)
