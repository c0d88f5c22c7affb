"""Search parameters beyond the standard's, installed before any data.

FHIR R4 has no search parameter for the diagnoses of a Claim. If it is installed on a server that already holds claims,
HAPI answers with a growing, wrong total, without a warning, until it has reindexed them.
"""

import time
from typing import Any

import httpx

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.fhir_access import FHIR_JSON, ClientOptions, anonymous

CLAIM_DIAGNOSIS: dict[str, Any] = {
    "resourceType": "SearchParameter",
    "id": "claim-diagnosis",
    "url": "http://example.org/fhir/SearchParameter/claim-diagnosis",
    "name": "ClaimDiagnosis",
    "status": "active",
    "description": "Diagnosis codes of a claim",
    "code": "diagnosis",
    "base": ["Claim"],
    "type": "token",
    "expression": "Claim.diagnosis.diagnosis.ofType(CodeableConcept)",
}
USABLE_SECONDS = 90.0
POLL_SECONDS = 0.2


def install_search_parameters(base_url: str, access: ClientOptions | None = None) -> bool:
    """Install the search parameter for `Claim?diagnosis=<code>` on a FHIR server, and return when it works.

    Args:
        base_url: the server's FHIR base.
        access: options of the HTTP client, from `client_options`; None for a server without authentication.

    Returns:
        True if it was installed now, False if the server had it already.

    Raises:
        ServerUnavailable: the server does not answer.
        FhirError: the server refuses the search parameter, or does not use it in time.
    """
    with httpx.Client(timeout=60, **(access or anonymous(base_url))) as client:
        try:
            is_new = not _is_installed(client, base_url)
            if is_new:
                _put(client, base_url)
            _wait_until_usable(client, base_url)
        except httpx.RequestError as error:
            raise ServerUnavailable(
                f"the FHIR server does not answer: {error}", where=base_url, fix="claims server status"
            ) from error
    return is_new


def _is_installed(client: httpx.Client, base_url: str) -> bool:
    answer = client.get(f"{base_url}/SearchParameter/{CLAIM_DIAGNOSIS['id']}")
    there = _resource(answer)
    if answer.is_success and not there:
        raise FhirError("there is no FHIR server at this address", where=base_url, fix="give the base of a FHIR server")
    return all(there.get(element) == value for element, value in CLAIM_DIAGNOSIS.items())


def _put(client: httpx.Client, base_url: str) -> None:
    url = f"{base_url}/SearchParameter/{CLAIM_DIAGNOSIS['id']}"
    headers = {"Content-Type": FHIR_JSON}
    if not _holds_claims(client, base_url):
        headers["X-Skip-Reindex"] = "true"  # for the embedded server; HAPI's reindexing job would slow the first load
    answer = client.put(url, json=CLAIM_DIAGNOSIS, headers=headers)
    if answer.is_error:
        raise FhirError(
            f"the FHIR server refuses the search parameter claim-diagnosis: HTTP {answer.status_code}", where=url
        )


def _holds_claims(client: httpx.Client, base_url: str) -> bool:
    answer = client.get(f"{base_url}/Claim", params={"_summary": "count"}, headers={"Cache-Control": "no-cache"})
    return _resource(answer).get("total") != 0


def _resource(answer: httpx.Response) -> dict[str, Any]:
    """Return the resource in a response, empty if it is an error or does not come from a FHIR server."""
    try:
        resource = answer.json() if answer.is_success else {}
    except ValueError:
        return {}
    return resource if isinstance(resource, dict) else {}


def _wait_until_usable(client: httpx.Client, base_url: str) -> None:
    deadline = time.monotonic() + USABLE_SECONDS
    search = {"diagnosis": "I10", "_summary": "count"}
    while client.get(f"{base_url}/Claim", params=search, headers={"Cache-Control": "no-cache"}).is_error:
        if time.monotonic() >= deadline:
            raise FhirError(
                f"the FHIR server does not search Claim by diagnosis after {USABLE_SECONDS:.0f} s", where=base_url
            )
        time.sleep(POLL_SECONDS)
