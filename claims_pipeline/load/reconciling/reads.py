"""Reads what the server holds and can hold: searches with all their pages, and its CapabilityStatement.

Searches are repeated while the server is busy. The resource types of the CapabilityStatement are kept in the ledger.
"""

import asyncio
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from claims_pipeline.errors import ClaimsPipelineError, FhirError, ServerUnavailable
from claims_pipeline.fhir.canonical import decode, encode, without_volatile_meta
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.resource import labels_in
from claims_pipeline.load.sending.answer import described, plain
from claims_pipeline.load.sending.client import FhirClient, is_fhir

IDS_PER_SEARCH = 200
ATTEMPTS = 8
PAUSE_SECONDS = 0.5
VERSIONS_ONLY = "id,meta"

_REFERENCE = re.compile(r'"reference":"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})["/]')
STATEMENT = "metadata?_elements=fhirVersion,rest.resource.type"
"""4 kB on HAPI FHIR, where the whole statement is 1.5 MB; a server that does not know `_elements` sends all of it."""


class Stored(NamedTuple):
    """A resource on the server: canonical JSON without what the server sets itself, and labels as in resource.py."""

    resource_type: str
    resource_id: str
    version_id: str
    body: str
    labels: str

    @property
    def content_hash(self) -> str:
        """SHA-256 of the body, 64 hex characters: that of the resource as it was sent."""
        return hashlib.sha256(self.body.encode()).hexdigest()


async def stored(
    client: FhirClient, resource_type: str, ids: Sequence[str], *, elements: str = "", at_once: int = 1
) -> dict[str, Stored]:
    """Return those of the resources that the server has, by id.

    Args:
        client: the server.
        resource_type: their type.
        ids: their ids.
        elements: only these elements, comma-separated; the bodies are then not whole.
        at_once: most searches at the same time.

    Raises:
        FhirError: the server refuses the search.
        ServerUnavailable: it did not answer.
    """
    places = asyncio.Semaphore(at_once)

    async def one(part: Sequence[str]) -> list[Stored]:
        form = {"_id": ",".join(part), "_count": str(len(part))} | ({"_elements": elements} if elements else {})
        async with places:
            return await _search(client, resource_type, form)

    parts = [ids[start : start + IDS_PER_SEARCH] for start in range(0, len(ids), IDS_PER_SEARCH)]
    found = await asyncio.gather(*map(one, parts))
    return {resource.resource_id: resource for page in found for resource in page}


async def on_server(client: FhirClient, targets: Iterable[str]) -> set[str]:
    """Return those of `targets` ("Type/id") that the server has; all of a type for which it refuses the search."""
    found: set[str] = set()
    for resource_type, ids in _ids_by_type(targets).items():
        try:
            known: Iterable[str] = await stored(client, resource_type, ids, elements="id")
        except FhirError:
            known = ids
        found.update(f"{resource_type}/{resource_id}" for resource_id in known)
    return found


async def references_on_server(client: FhirClient, names: Iterable[str]) -> dict[str, list[str]]:
    """Return what resources ("Type/id") refer to; those that the server does not have, or does not show, are left out.

    Raises:
        ServerUnavailable: it did not answer.
    """
    found: dict[str, list[str]] = {}
    for resource_type, ids in _ids_by_type(names).items():
        with suppress(FhirError):
            there = await stored(client, resource_type, ids)
            found.update(
                (f"{resource_type}/{resource_id}", list(dict.fromkeys(_REFERENCE.findall(resource.body))))
                for resource_id, resource in there.items()
            )
    return found


def _ids_by_type(names: Iterable[str]) -> dict[str, list[str]]:
    by_type: dict[str, list[str]] = defaultdict(list)
    for name in names:
        resource_type, _, resource_id = name.partition("/")
        by_type[resource_type].append(resource_id)
    return by_type


async def count(client: FhirClient, resource_type: str) -> int:
    """Return how many resources of a type the server has.

    Raises:
        FhirError, ServerUnavailable: as for `stored`.
    """
    address = f"{client.base_url}/{resource_type}"
    page = await _read(client, "GET", address, params={"_summary": "count"})
    return int(page.json()["total"])


async def _search(client: FhirClient, resource_type: str, form: Mapping[str, str]) -> list[Stored]:
    """Search by POST, because a list of ids may be too long for a URL."""
    address = f"{client.base_url}/{resource_type}/_search"
    page = await _read(client, "POST", address, data=form)
    found = list(_entries(page))
    while (following := _next(page)) is not None:
        page = await _read(client, "GET", following)
        found += _entries(page)
    return found


async def _read(client: FhirClient, method: str, address: str, **content: Any) -> httpx.Response:
    problem = ""
    for earlier in range(ATTEMPTS):
        await asyncio.sleep(PAUSE_SECONDS * earlier)
        try:
            answer = await client.read(method, address, **content)
        except httpx.RequestError as error:
            problem = plain(error)
        else:
            if answer.is_success and is_fhir(answer):
                return answer
            problem = described(answer)
            if answer.is_client_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                raise FhirError(f"the FHIR server refuses to be read: {problem}", where=address)
    raise ServerUnavailable(f"the FHIR server cannot be read: {problem}", where=address)


def _entries(page: httpx.Response) -> Iterator[Stored]:
    bundle, _ = decode(page.text)
    for entry in bundle.get("entry", []):
        resource = entry["resource"]
        meta = resource.get("meta", {})
        body, labels = encode(without_volatile_meta(resource)), json.dumps(labels_in(meta))
        yield Stored(resource["resourceType"], resource["id"], str(meta.get("versionId", "")), body, labels)


def _next(page: httpx.Response) -> str | None:
    return next((link["url"] for link in page.json().get("link", []) if link.get("relation") == "next"), None)


async def unknown_types(ledger: Ledger, client: FhirClient, resource_types: Collection[str]) -> frozenset[str]:
    """Return those of `resource_types` that the server does not have; none if it cannot be asked or does not say.

    What it had when it was asked last is in the ledger; it is asked again where that does not suffice.
    """
    known = json.loads(ledger.info().get("resource_types", "{}"))
    if known.get("server") == client.base_url and set(resource_types) <= set(known["types"]):
        return frozenset()
    try:
        statement = (await client.get(STATEMENT)).json()
        listed = {one["type"] for rest in statement["rest"] for one in rest["resource"]}
    except (ClaimsPipelineError, httpx.RequestError, ValueError, KeyError, TypeError):
        return frozenset()
    if not listed:
        return frozenset()
    if ledger.snapshot is None:
        ledger.remember(resource_types=json.dumps({"server": client.base_url, "types": sorted(listed)}))
    return frozenset(resource_types) - listed
