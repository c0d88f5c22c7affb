"""The loading order: every resource in a tier after all that it refers to.

Adds the table `placed` (seq, tier, together) to a spool. Resources whose references go in a circle share a tier and a
number `together`: only in one transaction can they be stored.
"""

import duckdb

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
