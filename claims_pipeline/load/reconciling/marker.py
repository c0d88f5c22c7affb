"""The marker: a `Basic` resource on the server that says which ledger knows it, and a generation.

The generation is raised before each load that sends, and after it, because a backup may be made in between. A missing
marker, another ledger's, or a lower generation mean a server that was wiped, that another ledger fills, or that was
restored from a backup: the ledger's hashes are then not valid for it. A higher generation means that the ledger
itself was restored.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from claims_pipeline.errors import ClaimsPipelineError, FhirError, LedgerMismatch, ServerUnavailable
from claims_pipeline.fhir.vocabulary import TEST_DATA
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.reconciling.reads import STATEMENT
from claims_pipeline.load.resource import MARKER_ID
from claims_pipeline.load.sending.answer import BASE_FIX, Meaning, described, plain, read_answer
from claims_pipeline.load.sending.client import (
    HTTP_GONE,
    HTTP_NOT_FOUND,
    FhirClient,
    wait_until_ready,
)

MARKER_PATH = f"Basic/{MARKER_ID}"
GENERATION_URL = "https://claims-pipeline.dev/fhir/StructureDefinition/ledger-generation"
FHIR_R4 = "4.0"


@dataclass(frozen=True)
class Marker:
    """What the server's marker says."""

    ledger_id: str
    generation: int

    def to_fhir(self) -> dict[str, Any]:
        """Return the marker as a resource."""
        return {
            "resourceType": "Basic",
            "id": MARKER_ID,
            "meta": {"security": [dict(TEST_DATA)]},
            "extension": [{"url": GENERATION_URL, "valueInteger": self.generation}],
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{self.ledger_id}"}],
            "code": {"text": "claims_pipeline: this server is filled by the ledger named here"},
        }


async def read_marker(client: FhirClient, *, wait_seconds: float) -> Marker | None:
    """Return the server's marker, None if it has none; wait until the server is ready.

    Raises:
        ServerUnavailable: the server did not answer in time.
        FhirError: it denies access, or is not a FHIR R4 server.
    """
    answer = await wait_until_ready(client, MARKER_PATH, seconds=wait_seconds)
    if answer.status_code in {HTTP_NOT_FOUND, HTTP_GONE}:
        await _require_r4(client, wait_seconds)
        return None
    return _parse(answer)


def mismatch(ledger: Ledger, marker: Marker | None, *, base_url: str) -> LedgerMismatch | None:
    """Return why the ledger does not belong to this server; None if it does, or knows no server yet."""
    info = ledger.info()
    known_url = info.get("server", "")
    generation = int(info.get("generation", 0))
    pending = int(info.get("pending_generation", generation))
    if marker is None:
        if generation == 0:
            return None
        reason = (
            "this server was wiped since the last load"
            if known_url == base_url
            else (f"the ledger was written for {known_url}, this is another server or one that was wiped")
        )
    elif marker.ledger_id != info["ledger_id"]:
        reason = "another ledger fills this server"
    elif marker.generation < generation:
        reason = "this server was restored from a backup that is older than the last load"
    elif marker.generation > pending:
        reason = "the ledger is older than the server: it was restored from a backup"
    else:
        return None
    return LedgerMismatch(
        f"{reason}: the ledger does not say what it holds",
        where=f"{base_url} and {ledger.path}",
        fix="claims load --adopt to compare the ledger with what the server really holds, claims load --reset to "
        "forget it and send everything, or --hash-file with the ledger that belongs to this server",
    )


async def require_belonging(ledger: Ledger, client: FhirClient, *, wait_seconds: float) -> None:
    """Check that the server belongs to the ledger; wait until it is ready.

    Both are read again if a load wrote to them in between.

    Raises:
        LedgerMismatch: the server was wiped, restored or swapped since the last load.
        ServerUnavailable, FhirError: as for `read_marker`.
    """
    while True:
        before = ledger.info()
        marker = await read_marker(client, wait_seconds=wait_seconds)
        problem = mismatch(ledger, marker, base_url=client.base_url)
        if problem is None:
            return
        if ledger.info() == before:
            raise problem


async def raise_generation(ledger: Ledger, client: FhirClient, *, above: int = 0) -> None:
    """Raise the generation on the server and in the ledger; after a crash in between, both are accepted.

    Args:
        ledger: the ledger that is about to send.
        client: the server.
        above: a generation that the server's marker has already.

    Raises:
        FhirError: the server refuses the marker.
        ServerUnavailable: it did not answer.
    """
    info = ledger.info()
    generation = max(above, int(info.get("generation", 0)), int(info.get("pending_generation", 0))) + 1
    ledger.remember(is_flushed=True, pending_generation=str(generation))  # before the server knows of it
    body = json.dumps(Marker(info["ledger_id"], generation).to_fhir()).encode()
    with _answering(client):
        answer = await client.write("PUT", f"{client.base_url}/{MARKER_PATH}", body)
    if answer.is_error:
        raise FhirError(
            f"the server refuses the ledger's marker: {described(answer)}",
            where=f"{client.base_url}/{MARKER_PATH}",
            fix="the account needs the right to write Basic resources",
        )
    ledger.remember(generation=str(generation), server=client.base_url)


async def takes_a_transaction(ledger: Ledger, client: FhirClient) -> bool:
    """Return whether the server accepts a transaction whose only entry raises the marker's generation.

    A load asks this when the server fails repeatedly for a bundle: to distinguish a server
    that fails for everything from one that fails for something in the bundle.
    """
    info = ledger.info()
    generation = max(int(info.get("generation", 0)), int(info.get("pending_generation", 0))) + 1
    entry = {
        "request": {"method": "PUT", "url": MARKER_PATH},
        "resource": Marker(info["ledger_id"], generation).to_fhir(),
    }
    content = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
    try:
        ledger.remember(is_flushed=True, pending_generation=str(generation))
        answer = read_answer(await client.write("POST", client.base_url, content), 1)
        if answer.meaning is not Meaning.ACCEPTED:
            return False
        ledger.remember(generation=str(generation))
    except (ClaimsPipelineError, httpx.RequestError):  # a fault of the ledger is reported when a result is recorded
        return False
    return True


async def forget_marker(ledger: Ledger, client: FhirClient) -> None:
    """Delete the marker and the ledger's record of the server, after everything that was loaded is deleted.

    Raises:
        FhirError: the server keeps the marker.
        ServerUnavailable: it did not answer.
    """
    address = f"{client.base_url}/{MARKER_PATH}"
    with _answering(client):
        answer = await client.write("DELETE", address)
    if answer.is_error and answer.status_code not in {HTTP_NOT_FOUND, HTTP_GONE}:
        raise FhirError(
            f"everything that was loaded is deleted, except the ledger's marker: {described(answer)}",
            where=address,
            fix="let the account delete Basic resources, and run the same command again",
        )
    ledger.forget("server", "generation", "pending_generation", "feed")


@contextmanager
def _answering(client: FhirClient) -> Iterator[None]:
    try:
        yield
    except httpx.RequestError as error:
        raise ServerUnavailable(
            f"the FHIR server did not answer: {plain(error)}",
            where=client.base_url,
            fix="look for the cause (claims server logs), then run the same command again",
        ) from error


def _parse(answer: httpx.Response) -> Marker:
    resource = answer.json()
    if resource.get("resourceType") != "Basic":
        raise FhirError(
            f"this address is not the base of a FHIR server: it answers with a {resource.get('resourceType')}",
            where=str(answer.request.url),
            fix=BASE_FIX,
        )
    try:
        ledger_id = resource["identifier"][0]["value"].removeprefix("urn:uuid:")
        generation = next(e["valueInteger"] for e in resource["extension"] if e["url"] == GENERATION_URL)
        return Marker(str(ledger_id), int(generation))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration):
        raise FhirError(
            "the server's marker cannot be read",
            where=str(answer.request.url),
            fix="delete it, then --adopt or --reset",
        ) from None


async def _require_r4(client: FhirClient, wait_seconds: float) -> None:
    answer = await wait_until_ready(client, STATEMENT, seconds=wait_seconds)
    statement = answer.json()
    version = statement.get("fhirVersion", "") if statement.get("resourceType") == "CapabilityStatement" else None
    if version is None or not str(version).startswith(FHIR_R4):
        found = f"it has FHIR version {version}" if version else "it has no CapabilityStatement"
        raise FhirError(
            f"there is no FHIR R4 server at this address: {found}",
            where=f"{client.base_url}/metadata",
            fix=BASE_FIX,
        )
