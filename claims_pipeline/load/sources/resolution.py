"""Which of several resources with one id counts, and what every reference leads to.

Adds tables to a spool: `kept` (key "Type/id" and seq of the resources that count) and `targets` (seq, reference as
written, target "Type/id", `is_rewritten` where the body must say the target instead).
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

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
