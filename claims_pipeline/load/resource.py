"""A resource to load, alone and as a row of a chunk, its labels, and its result.

Labels are the profiles, security labels and tags in the `meta` of a resource. A label is written "profile URL",
"security system|code" or "tag system|code", and the labels of a resource as the sorted JSON list of them. HAPI FHIR
replaces labels when the request asks for it (`FhirClient.post_bundle`). Other servers add the new labels to the old
ones, so the loader checks which labels remain after an update.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl

from claims_pipeline.fhir import RESOURCE_SCHEMA

_CODED = ("security", "tag")
_SUBSETTED = "|SUBSETTED"
"""End of the tag that marks a partial answer to `_elements`; it is not a label of the resource."""
CHUNK_SCHEMA = pl.Schema({**RESOURCE_SCHEMA, "as_of": pl.String(), "source": pl.String(), "together": pl.Int64()})
"""`as_of`: the day of a daily partition (ISO), else empty. `source`: partition, or "file:line". `together`: null, or a
number that resources share which follow one another and must be in one transaction."""

KEY = ("resource_type", "resource_id")

FILES = "files"
"""`origin` of resources that come from files, not from a table of the lake."""

NOT_SENT = "not sent"
"""`text` of the result of a resource that a load did not come to, because it ended early."""

NAME_OF_STANDARD_INPUT = "standard input"
"""File name in the `source` of resources from standard input."""

MARKER_ID = "claims-pipeline-ledger"
"""Id of the `Basic` resource by which a loader recognises its server (reconciling/marker.py)."""

_PLACE_IN_FILE = re.compile(r":\d+( \(entry \d+\))?$")


def labels_of_bodies(bodies: pl.Expr) -> pl.Expr:
    """Return the labels of resources in canonical JSON, as JSON; "[]" where there are none."""
    return (
        bodies.str.json_path_match("$.meta")
        .fill_null("")
        .map_batches(lambda metas: metas.replace_strict({meta: labels_of_meta(meta) for meta in metas.unique()}))
    )


@lru_cache(maxsize=10_000)
def labels_of_meta(text: str) -> str:
    """Return the labels in the JSON of a `meta`, as JSON; "[]" for the empty text."""
    return json.dumps(labels_in(json.loads(text)) if text else [])


def labels_in(meta: Mapping[str, Any]) -> list[str]:
    """Return the labels in a `meta`, sorted."""
    found = {f"profile {url}" for url in meta.get("profile", [])}
    for kind in _CODED:
        found |= {f"{kind} {one.get('system', '')}|{one.get('code', '')}" for one in meta.get(kind, [])}
    return sorted(label for label in found if not label.endswith(_SUBSETTED))


def without_place(source: str) -> str:
    """Return the name of the file of a `source`, without line and entry."""
    return _PLACE_IN_FILE.sub("", source)


def file_of(source: str) -> str | None:
    """Return the absolute path of the file that a `source` names, None for standard input and archives from there."""
    return path_of(without_place(source))


def path_of(name: str) -> str | None:
    """Return the absolute path of a file or folder, None for standard input and archives from there.

    Bytes that are no text are escaped, as in the names of inputs; links stay, because a link is a source of its own.
    """
    if name == NAME_OF_STANDARD_INPUT or name.startswith(f"{NAME_OF_STANDARD_INPUT}/"):
        return None
    return os.path.abspath(name).encode(errors="backslashreplace").decode()  # noqa: PTH100  `resolve` follows links


class Resource(NamedTuple):
    """One resource to load, see `CHUNK_SCHEMA`; `body` is its canonical JSON.

    `labels` are JSON as `labels_of_bodies` returns it, and None for a resource of a lake, where all have the same.
    """

    resource_type: str
    resource_id: str
    content_hash: str
    as_of: str
    source: str
    body: str
    references: list[str]
    together: int | None = None
    labels: str | None = None

    @property
    def name(self) -> str:
        """`Type/id`."""
        return f"{self.resource_type}/{self.resource_id}"


class Result(NamedTuple):
    """The result of one resource.

    Attributes:
        resource: what was sent.
        outcome: created, updated, already_equal, rejected or failed; to_send in a dry run.
        version_id: version on the server, empty if it holds no loaded version or did not report one.
        http_status: status that decided it, 0 if no answer did.
        text: the reason of a rejection or failure, without values of the resource.
        missing_target: "Type/id", or match URL, whose absence is the reason.
        full_text: the reason with the values that the server quotes, for the dead letter only; empty if that is `text`.
    """

    resource: Resource
    outcome: str
    version_id: str = ""
    http_status: int = 0
    text: str = ""
    missing_target: str = ""
    full_text: str = ""


LOADED = frozenset({"created", "updated", "already_equal"})


def resources_of(rows: pl.DataFrame, origin: str) -> Iterator[Resource]:
    """Yield rows of a chunk (columns of `CHUNK_SCHEMA`) as resources; those from files with their labels."""
    labels = labels_of_bodies(pl.col("body")) if origin == FILES else pl.lit(None, dtype=pl.String())
    return map(Resource._make, rows.with_columns(labels=labels).select(Resource._fields).iter_rows())
