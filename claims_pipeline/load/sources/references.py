"""Decides which of several resources with one id counts, and resolves every reference.

Adds tables to a spool: `kept` (key "Type/id" and seq of the resources that count), `superseded` (seq of those that come
again with other content, and of the one that counts), `targets` (seq, reference as written, target "Type/id",
`is_rewritten` where the body must say the target instead), `url_targets` (the same of elements that are no References)
and `dangling` (seq of a resource that refers to something that cannot be resolved, and why).
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import polars as pl

from claims_pipeline.fhir.canonical import decode, encode
from claims_pipeline.load.sources.elements import with_urls
from claims_pipeline.load.sources.spool import REFERENCE, Spool

REASONS_SHOWN = 5

_REFERENCE = re.compile(REFERENCE)
_CONDITIONAL = "?identifier="

_KEPT = """
CREATE TABLE kept AS
SELECT resource_type || '/' || resource_id AS key, max(seq) AS seq FROM resources GROUP BY ALL
"""

_SUPERSEDED = """
CREATE TABLE superseded AS
SELECT older.seq, newer.seq AS newer FROM resources AS older
JOIN kept ON kept.key = older.resource_type || '/' || older.resource_id AND kept.seq <> older.seq
JOIN resources AS newer ON newer.seq = kept.seq AND newer.content_hash <> older.content_hash
ORDER BY older.seq
"""

_MACROS = r"""
CREATE MACRO name_of(text) AS regexp_extract(text, '(?:^|/)([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})$', 1);
CREATE MACRO base_of(text) AS
    regexp_extract(text, '^([Hh][Tt][Tt][Pp][Ss]?://.*)/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}$', 1);
CREATE MACRO prefixed(name, prefix) AS regexp_replace(name, '/', '/' || prefix);
"""

_CALLED = """
CREATE TABLE in_input AS SELECT key FROM kept UNION SELECT key FROM left_out;

CREATE TABLE called AS
SELECT bundle, full_url, any_value(target) AS target, count(DISTINCT target) AS target_count
FROM full_urls GROUP BY bundle, full_url;

CREATE TABLE bases AS
SELECT target AS key, list(DISTINCT base_of(full_url)) AS known
FROM full_urls WHERE base_of(full_url) <> '' GROUP BY key;

CREATE TABLE owned AS
SELECT name, any_value(target) AS target, count(DISTINCT target) AS target_count
FROM own_ids ANTI JOIN in_input ON in_input.key = prefixed(own_ids.name, $prefix) GROUP BY name;
"""

_NAMES = """
CREATE TABLE names AS
WITH written AS (
    SELECT DISTINCT bundle, reference, regexp_replace(reference, '/_history/[^/]*$', '') AS bare
    FROM links SEMI JOIN kept ON kept.seq = links.seq
), parsed AS (
    SELECT *, base_of(bare) AS base, $server <> '' AND lower(base_of(bare)) = $server AS is_on_server,
        CASE WHEN base_of(bare) <> '' OR bare = name_of(bare) THEN name_of(bare) END AS name
    FROM written
)
SELECT parsed.*, coalesce(owned.target, prefixed(name, $prefix)) AS key, owned.target_count AS owner_count
FROM parsed LEFT JOIN owned USING (name)
"""

_RESOLVED = """
CREATE TABLE resolved AS
WITH several AS (
    SELECT key FROM names WHERE base <> '' AND NOT is_on_server GROUP BY key HAVING count(DISTINCT base) > 1
)
SELECT
    names.bundle,
    names.reference,
    coalesce(called.target, found.target, CASE WHEN is_on_server THEN names.name END, names.key, names.bare) AS target,
    CASE
        WHEN called.target_count > 1
            THEN bare || ', the fullUrl of ' || called.target_count || ' resources of its Bundle: give each its own'
        WHEN called.target IS NOT NULL OR found.target IS NOT NULL OR is_on_server THEN NULL
        WHEN starts_with(bare, 'urn:') THEN bare || ', which is not in the input'
        WHEN owner_count > 1 THEN name || ', the id of ' || owner_count || ' resources that ifNoneExist tells apart'
        WHEN base <> '' AND (known.key IS NULL OR NOT list_contains(coalesce(bases.known, [base]), base))
            THEN name || ' of another server: load it too, or refer to it as ' || name
        WHEN base <> '' AND bases.known IS NULL AND several.key IS NOT NULL
            THEN name || ' of one of several servers: refer to it as ' || name
        WHEN base = '' AND regexp_matches(bare, '^[Hh][Tt][Tt][Pp][Ss]?://')
            THEN 'an absolute URL that is not the address of a resource'
    END AS problem
FROM names
LEFT JOIN called ON called.bundle = names.bundle AND called.full_url = names.bare
LEFT JOIN conditional AS found ON found.reference = names.reference
LEFT JOIN in_input AS known ON known.key = names.key
LEFT JOIN bases ON bases.key = names.key
LEFT JOIN several ON several.key = names.key
"""

_TARGETS = """
CREATE TABLE targets AS
SELECT
    links.seq, links.reference, target,
    target <> regexp_replace(links.reference, '/_history/[^/]*$', '') AS is_rewritten, problem
FROM links SEMI JOIN kept ON kept.seq = links.seq JOIN resolved USING (bundle, reference);

CREATE TABLE url_targets AS
SELECT urls.seq, urls.url, coalesce(called.target, in_input.key) AS target, called.target_count
FROM urls
LEFT JOIN called ON called.bundle = urls.bundle AND called.full_url = urls.url
LEFT JOIN owned ON owned.name = urls.url
LEFT JOIN in_input ON in_input.key = coalesce(owned.target, prefixed(urls.url, $prefix)) AND $prefix <> ''
WHERE coalesce(called.target, in_input.key) IS NOT NULL;
"""

_DANGLING = f"""
CREATE TABLE dangling AS
WITH problems AS (
    SELECT seq, problem FROM targets WHERE problem IS NOT NULL
    UNION
    SELECT seq, url || ', the fullUrl of ' || target_count || ' resources of its Bundle: give each its own'
    FROM url_targets WHERE target_count > 1
)
SELECT seq, 'refers to ' || array_to_string(list(problem ORDER BY problem)[1:{REASONS_SHOWN}], '; and to ')
    || CASE WHEN count(*) > {REASONS_SHOWN} THEN '; and to ' || (count(*) - {REASONS_SHOWN}) || ' more' ELSE '' END
    AS reason
FROM problems GROUP BY seq ORDER BY seq
"""  # noqa: S608  own constant

_REPLACED_REFERENCES = """
SELECT targets.seq, reference AS written, target
FROM targets JOIN resources USING (seq) WHERE is_rewritten AND part = $part
"""

_REPLACED_URLS = """
SELECT url_targets.seq, url AS written, target FROM url_targets JOIN resources USING (seq) WHERE part = $part
"""


def resolve(spool: Spool, *, server_base: str, id_prefix: str) -> None:
    """Add the tables `kept`, `superseded`, `targets`, `url_targets` and `dangling`.

    Args:
        spool: what was read.
        server_base: address of the server that the resources are sent to, which absolute references may name.
        id_prefix: what was put before the ids, and is put before those of references.
    """
    given = {"prefix": id_prefix, "server": server_base.rstrip("/").lower()}
    spool.execute(_KEPT)
    spool.execute(_SUPERSEDED)
    conditional = pl.DataFrame(
        list(_conditional_targets(spool)), schema={"reference": pl.String, "target": pl.String}, orient="row"
    )
    spool.connection.register("conditional", conditional.to_arrow())
    for script in (_MACROS, _CALLED, _NAMES, _RESOLVED, _TARGETS, _DANGLING):
        for statement in script.split(";\n"):
            if statement.strip():
                spool.execute(statement, {name: given[name] for name in given if f"${name}" in statement} or None)
    spool.connection.unregister("conditional")


def _conditional_targets(spool: Spool) -> Iterator[tuple[str, str]]:
    """Yield references like `Practitioner?identifier=system|value` and the one resource of the input that they mean."""
    wanted: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    query = "SELECT DISTINCT reference FROM links WHERE contains(reference, ?)"
    for (reference,) in spool.execute(query, [_CONDITIONAL]).fetchall():
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
        rows = spool.bodies(part).filter(pl.col("seq").is_in(seqs))
        for resource_id, body in rows.select("resource_id", "body").iter_rows():
            for identifier in _listed(json.loads(body).get("identifier")):
                value = identifier.get("value", "")
                yield resource_id, value
                yield resource_id, f"{identifier.get('system', '')}|{value}"


def _listed(identifier: Any) -> list[dict[str, Any]]:
    """Return `identifier` of any resource type: a list for most, one for some."""
    found = identifier if isinstance(identifier, list) else [identifier]
    return [one for one in found if isinstance(one, dict)]


def rewritten(spool: Spool, bodies: pl.DataFrame, part: int) -> pl.DataFrame:
    """Return `bodies` (seq, body, ...) of a part with references, and URLs of entries, replaced by their targets."""
    by_reference = spool.frame(_REPLACED_REFERENCES, part=part)
    by_url = spool.frame(_REPLACED_URLS, part=part)
    return _replaced(_replaced(bodies, by_reference, _with_references), by_url, _with_urls)


def _replaced(
    bodies: pl.DataFrame, targets: pl.DataFrame, replace: Callable[[str, dict[str, str]], str]
) -> pl.DataFrame:
    if targets.is_empty():
        return bodies
    by_resource = targets.group_by("seq").agg("written", "target")
    joined = bodies.select("seq", "body").join(by_resource, on="seq", how="left", maintain_order="left")
    texts = [
        body if written is None else replace(body, dict(zip(written, found, strict=True)))
        for body, written, found in joined.select("body", "written", "target").iter_rows()
    ]
    return bodies.with_columns(pl.Series("body", texts, dtype=pl.String))


def _with_references(body: str, targets: dict[str, str]) -> str:
    return _REFERENCE.sub(lambda found: f'"reference":"{targets.get(found[1], found[1])}"', body)


def _with_urls(body: str, targets: dict[str, str]) -> str:
    resource, _ = decode(body)
    return encode(with_urls(resource, targets))
