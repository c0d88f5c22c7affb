"""What a server can hold, by its CapabilityStatement: asked for in few words, and remembered in the ledger."""

import json
from collections.abc import Collection

import httpx

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.sending.client import FhirClient

STATEMENT = "metadata?_elements=fhirVersion,rest.resource.type"
"""4 kB on HAPI FHIR, where the whole statement is 1.5 MB; a server that does not know `_elements` sends all of it."""


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
    ledger.remember(resource_types=json.dumps({"server": client.base_url, "types": sorted(listed)}))
    return frozenset(resource_types) - listed
