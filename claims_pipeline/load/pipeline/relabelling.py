"""Removes labels from resources, on servers where an update adds its labels to the existing ones."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from claims_pipeline.load.reconciling.reads import VERSIONS_ONLY, stored
from claims_pipeline.load.resource import LOADED, Result
from claims_pipeline.load.sending.client import FhirClient

AT_ONCE = 4
NAMES_SHOWN = 3


@dataclass
class Relabelling:
    """The labels that updates should remove, and those that remain."""

    _known: dict[str, str] = field(default_factory=dict)
    _gone: dict[str, set[str]] = field(default_factory=dict)

    def expect(self, known_labels: Mapping[str, str]) -> None:
        """Record the labels (as in resource.py), by "Type/id", that resources have before they are updated."""
        self._known.update(known_labels)

    def note(self, results: Sequence[Result]) -> None:
        """Record which labels the updates should have removed."""
        for result in results if self._known else ():
            resource = result.resource
            known = self._known.pop(resource.name, "[]")
            if result.outcome in LOADED and resource.labels is not None:
                gone = set(json.loads(known)).difference(json.loads(resource.labels))
                self._gone.update({resource.name: gone} if gone else {})

    async def take_off(self, client: FhirClient) -> list[str]:
        """Remove those labels that the server still has; return notes for the user if some remain.

        One search for up to 200 resources, and `$meta-delete` for each that an update has left with a label too many.
        (HAPI FHIR takes this operation alone only: in a Bundle it creates the Parameters as a resource.)

        Raises:
            FhirError: the server refuses to be read.
            ServerUnavailable: it did not answer.
        """
        gone, self._gone = self._gone, {}
        if kept := await _still_there(client, gone):
            places = asyncio.Semaphore(AT_ONCE)
            await asyncio.gather(*(_take_off(client, places, name, labels) for name, labels in kept.items()))
            kept = await _still_there(client, kept)
        return list(_remarks(kept))


async def _take_off(client: FhirClient, places: asyncio.Semaphore, name: str, labels: Iterable[str]) -> None:
    async with places:
        with suppress(httpx.RequestError):  # the search after it decides
            address = f"{client.base_url}/{name}/$meta-delete"
            await client.write("POST", address, parameters_to_take_off(sorted(labels)))


def parameters_to_take_off(labels: Iterable[str]) -> bytes:
    """Return the Parameters with which `$meta-delete` removes labels from a resource."""
    meta: dict[str, list[Any]] = {}
    for label in labels:
        kind, _, value = label.partition(" ")
        system, _, code = value.rpartition("|")
        coding = ({"system": system} if system else {}) | {"code": code}
        meta.setdefault(kind, []).append(value if kind == "profile" else coding)
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}
    return json.dumps(parameters).encode()


async def _still_there(client: FhirClient, gone: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return those of the labels that the server has, by "Type/id", without resources that have none of them."""
    by_type: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for name, labels in gone.items():
        resource_type, _, resource_id = name.partition("/")
        by_type[resource_type][resource_id] = labels
    kept = {}
    for resource_type, wanted in by_type.items():
        there = await stored(client, resource_type, list(wanted), elements=VERSIONS_ONLY, at_once=AT_ONCE)
        for resource_id, found in there.items():
            if labels := wanted[resource_id].intersection(json.loads(found.labels)):
                kept[f"{resource_type}/{resource_id}"] = labels
    return kept


def _remarks(kept: Mapping[str, set[str]]) -> Iterator[str]:
    if kept:
        names = ", ".join(sorted(kept)[:NAMES_SHOWN]) + (", ..." if len(kept) > NAMES_SHOWN else "")
        yield (
            f"the server keeps profiles, security labels or tags that the source no longer has, on {len(kept):,} "
            f"resources ({names}): it adds those of an update to the old ones, and does not take $meta-delete"
        )
