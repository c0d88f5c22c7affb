"""The embedded server as a client sees it."""

from collections.abc import Iterator

import httpx
import pytest

from claims_pipeline import server
from claims_pipeline.settings import Settings

pytestmark = pytest.mark.server


@pytest.fixture
def client(fhir_server: Settings) -> Iterator[httpx.Client]:
    headers = {"Cache-Control": "no-cache"}
    with httpx.Client(base_url=fhir_server.fhir_base_url, timeout=60, headers=headers, trust_env=False) as client:
        yield client


def test_a_claim_is_found_by_its_diagnosis_as_soon_as_it_is_stored(client: httpx.Client) -> None:
    patient = {"resourceType": "Patient", "id": "server-test-patient"}
    claim = {
        "resourceType": "Claim",
        "id": "server-test-claim",
        "status": "active",
        "patient": {"reference": "Patient/server-test-patient"},
        "diagnosis": [
            {
                "sequence": 1,
                "diagnosisCodeableConcept": {
                    "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "Z00.00"}]
                },
            }
        ],
    }
    for resource in (patient, claim):
        client.put(f"/{resource['resourceType']}/{resource['id']}", json=resource).raise_for_status()
    found = client.get("/Claim", params={"diagnosis": "Z00.00"}).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["server-test-claim"]


def test_a_second_start_finds_the_server_running(fhir_server: Settings) -> None:
    before = server.status(fhir_server)
    heard: list[str] = []
    after = server.start(fhir_server, heard.append)
    assert heard == ["already running"]
    assert (after.hapi, after.postgres) == (before.hapi, before.postgres)
