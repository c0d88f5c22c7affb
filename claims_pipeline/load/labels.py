"""The labels of a resource: the profiles, security labels and tags in its `meta`.

A label is written "profile URL", "security system|code" or "tag system|code", and the labels of a resource as the JSON
list of them, sorted. HAPI FHIR replaces labels when it is asked to (`FhirClient.post_bundle`); other servers add new
ones to those they have, so what an update takes off is checked.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import polars as pl

_CODED = ("security", "tag")
_SUBSETTED = "|SUBSETTED"
"""End of the tag that marks an answer to `_elements` as not whole; it is no label of the resource."""


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


def parameters_to_take_off(labels: Iterable[str]) -> bytes:
    """Return the Parameters with which `$meta-delete` takes labels off a resource."""
    meta: dict[str, list[Any]] = {}
    for label in labels:
        kind, _, value = label.partition(" ")
        system, _, code = value.rpartition("|")
        coding = ({"system": system} if system else {}) | {"code": code}
        meta.setdefault(kind, []).append(value if kind == "profile" else coding)
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
    return json.dumps(parameters).encode()
