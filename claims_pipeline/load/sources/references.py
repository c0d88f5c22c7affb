"""Which of several resources with one id counts, what every reference leads to, and the loading order that follows.

Adds tables to a spool: `kept` (key "Type/id" and seq of the resources that count), `targets` (seq, reference as
written, target "Type/id", `is_rewritten` where the body must say the target instead) and `placed` (seq, tier,
together): a resource is in a tier after all that it refers to. Resources whose references go in a circle share a tier
and a number `together`: only in one transaction can they be stored.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import duckdb
import polars as pl

from claims_pipeline.load.sources.spool import REFERENCE, Spool

_REFERENCE = re.compile(REFERENCE)
_CONDITIONAL = "?identifier="

_KEPT = """
CREATE TABLE kept AS
SELECT resource_type || '/' || resource_id AS key, max(seq) AS seq FROM resources GROUP BY ALL
"""

_TARGETS = """
CREATE TABLE targets AS
WITH full_url_of AS (SELECT bundle, full_url, any_value(target) AS target FROM full_urls GROUP BY bundle, full_url)
SELECT
    links.seq,
    links.reference,
    coalesce(full_url_of.target, found.target, regexp_replace(links.reference, '/_history/[^/]*$', '')) AS target,
    coalesce(full_url_of.target, found.target) IS NOT NULL AS is_rewritten
FROM links
SEMI JOIN kept ON kept.seq = links.seq
LEFT JOIN full_url_of ON full_url_of.bundle = links.bundle AND full_url_of.full_url = links.reference
LEFT JOIN conditional AS found ON found.reference = links.reference
"""


def resolve(spool: Spool) -> None:
    """Add the tables `kept` and `targets`."""
    spool.connection.execute(_KEPT)
    conditional = pl.DataFrame(
        list(_conditional_targets(spool)), schema={"reference": pl.String, "target": pl.String}, orient="row"
    )
    spool.connection.register("conditional", conditional.to_arrow())
    spool.connection.execute(_TARGETS)
    spool.connection.unregister("conditional")


def _conditional_targets(spool: Spool) -> Iterator[tuple[str, str]]:
    """Yield references like `Practitioner?identifier=system|value` and the one resource of the input that they mean."""
    wanted: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    query = f"SELECT DISTINCT reference FROM links WHERE contains(reference, '{_CONDITIONAL}')"  # noqa: S608  constant
    for (reference,) in spool.connection.execute(query).fetchall():
        resource_type, _, token = reference.partition(_CONDITIONAL)
        wanted[resource_type][unquote(token)].append(reference)
    found: dict[str, set[str]] = defaultdict(set)
    for resource_type, references in wanted.items():
        for resource_id, token in _identifiers(spool, resource_type):
            for reference in references.get(token, ()):
                found[reference].add(f"{resource_type}/{resource_id}")
    yield from ((reference, targets.pop()) for reference, targets in found.items() if len(targets) == 1)


def _identifiers(spool: Spool, resource_type: str) -> Iterator[tuple[str, str]]:
    """Yield id and identifier, as `system|value` and as `value`, of the resources of a type that count."""
    kept = spool.frame(
        "SELECT part, list(seq) AS seqs FROM resources SEMI JOIN kept USING (seq) WHERE resource_type = $wanted "
        "GROUP BY part ORDER BY part",
        wanted=resource_type,
    )
    for part, seqs in kept.iter_rows():
        rows = pl.read_parquet(spool.part_path(part)).filter(pl.col("seq").is_in(seqs))
        for resource_id, body in rows.select("resource_id", "body").iter_rows():
            for identifier in _listed(json.loads(body).get("identifier")):
                value = identifier.get("value", "")
                yield resource_id, value
                yield resource_id, f"{identifier.get('system', '')}|{value}"


def _listed(identifier: Any) -> list[dict[str, Any]]:
    """Return `identifier` of any resource type: a list for most, one for some."""
    found = identifier if isinstance(identifier, list) else [identifier]
    return [one for one in found if isinstance(one, dict)]


def rewritten(bodies: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """Return `bodies` (seq, body, ...) with the references that `targets` (seq, reference, target) replaces."""
    if targets.is_empty():
        return bodies
    by_resource = targets.group_by("seq").agg("reference", "target")
    joined = bodies.select("seq", "body").join(by_resource, on="seq", how="left", maintain_order="left")
    texts = [
        body if references is None else _with_targets(body, dict(zip(references, found, strict=True)))
        for body, references, found in joined.select("body", "reference", "target").iter_rows()
    ]
    return bodies.with_columns(pl.Series("body", texts, dtype=pl.String))


def _with_targets(body: str, targets: dict[str, str]) -> str:
    return _REFERENCE.sub(lambda found: f'"reference":"{targets.get(found[1], found[1])}"', body)


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

_CIRCLES = "CREATE OR REPLACE TABLE circles AS SELECT * FROM edges"

_WITHOUT_WHAT_NOTHING_REFERS_TO = """
CREATE OR REPLACE TABLE circles AS
SELECT circles.* FROM circles SEMI JOIN (SELECT target AS seq FROM circles) AS named ON named.seq = circles.source
"""

_LABELS = """
CREATE OR REPLACE TABLE labels AS
SELECT source AS seq, source AS together FROM circles UNION SELECT target, target FROM circles
"""

_SMALLER_LABELS = """
CREATE OR REPLACE TABLE labels AS
WITH neighbours AS (
    SELECT source AS seq, target AS other FROM circles UNION ALL SELECT target, source FROM circles
)
SELECT labels.seq, least(labels.together, min(theirs.together)) AS together
FROM labels
JOIN neighbours ON neighbours.seq = labels.seq
JOIN labels AS theirs ON theirs.seq = neighbours.other
GROUP BY labels.seq, labels.together
"""

_PLACE_CIRCLES = """
INSERT INTO placed SELECT seq, $tier, together FROM labels;
CREATE OR REPLACE TABLE edges AS SELECT edges.* FROM edges ANTI JOIN labels ON labels.seq = edges.source;
"""


def place(connection: duckdb.DuckDBPyConnection) -> int:
    """Add the table `placed` and return the number of tiers."""
    connection.execute(_START)
    tier = 0
    while _number(connection, "SELECT count(*) FROM edges"):
        for statement in _NEXT_TIER.split(";")[:-1]:
            connection.execute(statement, {"tier": tier} if "$tier" in statement else None)
        if not _number(connection, "SELECT count(*) FROM placed WHERE tier = $tier", tier=tier + 1):
            _place_circles(connection, tier + 1)
        tier += 1
    return tier + 1


def _place_circles(connection: duckdb.DuckDBPyConnection, tier: int) -> None:
    """Place what is left and cannot wait for each other: everything waits for a circle, or is in one."""
    connection.execute(_CIRCLES)
    _repeat(connection, _WITHOUT_WHAT_NOTHING_REFERS_TO, until_stable="SELECT count(*) FROM circles")
    connection.execute(_LABELS)
    _repeat(connection, _SMALLER_LABELS, until_stable="SELECT sum(together) FROM labels")
    for statement in _PLACE_CIRCLES.split(";")[:-1]:
        connection.execute(statement, {"tier": tier} if "$tier" in statement else None)


def _repeat(connection: duckdb.DuckDBPyConnection, statement: str, *, until_stable: str) -> None:
    before, now = None, _number(connection, until_stable)
    while now != before:
        connection.execute(statement)
        before, now = now, _number(connection, until_stable)


def _number(connection: duckdb.DuckDBPyConnection, query: str, **parameters: int) -> int:
    ((number,),) = connection.execute(query, parameters or None).fetchall()
    return int(number or 0)
