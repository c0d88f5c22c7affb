"""The embedded server as a client sees it: what the pipeline and its users rely on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from claims_pipeline import server
from claims_pipeline.settings import Settings

pytestmark = pytest.mark.server

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.fixture
def client(fhir_server: Settings) -> Iterator[httpx.Client]:
    headers = {"Cache-Control": "no-cache"}
    with httpx.Client(base_url=fhir_server.fhir_base_url, timeout=60, headers=headers, trust_env=False) as client:
        yield client


def patient(patient_id: str, *, gender: str = "female") -> dict[str, Any]:
    return {"resourceType": "Patient", "id": patient_id, "gender": gender}


def claim(claim_id: str, *, diagnosis: str, patient_id: str) -> dict[str, Any]:
    coding = {"system": ICD_10_CM, "code": diagnosis}
    return {
        "resourceType": "Claim",
        "id": claim_id,
        "status": "active",
        "patient": {"reference": f"Patient/{patient_id}"},
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"coding": [coding]}}],
    }


def put_all(client: httpx.Client, *resources: dict[str, Any]) -> httpx.Response:
    entries = [
        {"resource": resource, "request": {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}}
        for resource in resources
    ]
    return client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})


def test_it_is_hapi_fhir_r4(client: httpx.Client) -> None:
    capabilities = client.get("/metadata").json()
    assert capabilities["fhirVersion"] == "4.0.1"
    assert capabilities["software"] == {"name": "HAPI FHIR Server", "version": "8.8.0"}


def test_a_claim_is_found_by_its_diagnosis_as_soon_as_it_is_stored(client: httpx.Client) -> None:
    stored = claim("server-claim-1", diagnosis="Z00.00", patient_id="server-patient-1")
    put_all(client, patient("server-patient-1"), stored).raise_for_status()
    for diagnosis in ("Z00.00", f"{ICD_10_CM}|Z00.00"):
        of_patient = {"diagnosis": diagnosis, "patient": "server-patient-1"}
        found = client.get("/Claim", params=of_patient).raise_for_status().json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == ["server-claim-1"]
    other = {"diagnosis": "Z00.01", "patient": "server-patient-1"}
    assert "entry" not in client.get("/Claim", params=other).raise_for_status().json()


def test_a_search_includes_the_patients_of_its_claims(client: httpx.Client) -> None:
    stored = claim("server-claim-2", diagnosis="I10", patient_id="server-patient-2")
    put_all(client, patient("server-patient-2"), stored).raise_for_status()
    found = client.get("/Claim", params={"_id": "server-claim-2", "_include": "Claim:patient"}).json()
    assert [(entry["resource"]["id"], entry["search"]["mode"]) for entry in found["entry"]] == [
        ("server-claim-2", "match"),
        ("server-patient-2", "include"),
    ]


def test_a_page_may_hold_a_thousand(client: httpx.Client) -> None:
    put_all(client, *(patient(f"server-page-{number}") for number in range(120))).raise_for_status()
    found = client.get("/Patient", params={"gender": "female", "_count": "1000"}).json()
    assert len(found["entry"]) >= 120


def test_every_version_is_kept_and_an_equal_one_makes_none(client: httpx.Client) -> None:
    for gender in ("female", "male", "male"):
        client.put("/Patient/server-patient-3", json=patient("server-patient-3", gender=gender)).raise_for_status()
    history = client.get("/Patient/server-patient-3/_history").json()
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"]


def test_a_resource_can_be_deleted(client: httpx.Client) -> None:
    put_all(client, patient("server-patient-4")).raise_for_status()
    assert client.delete("/Patient/server-patient-4").status_code == httpx.codes.OK
    assert client.get("/Patient/server-patient-4").status_code == httpx.codes.GONE


def test_a_reference_without_a_target_is_refused(client: httpx.Client) -> None:
    answer = put_all(client, claim("server-claim-5", diagnosis="I10", patient_id="server-nobody"))
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "HAPI-1094: Resource Patient/server-nobody not found" in answer.text


def test_a_resource_can_be_validated(client: httpx.Client) -> None:
    wrong = claim("server-claim-6", diagnosis="I10", patient_id="server-patient-1") | {"use": "claim"}
    issues = client.post("/Claim/$validate", json=wrong).raise_for_status().json()["issue"]
    missing = [issue["diagnostics"] for issue in issues if "minimum required" in issue["diagnostics"]]
    assert any("Claim.provider" in text for text in missing), issues


def test_stored_resources_can_be_indexed_again(client: httpx.Client) -> None:
    url = {"resourceType": "Parameters", "parameter": [{"name": "url", "valueString": "Claim?"}]}
    answer = client.post("/$reindex", json=url)
    assert answer.is_success, answer.text


def test_writers_of_one_resource_do_not_fail_when_they_ask_for_another_try(client: httpx.Client) -> None:
    def write(number: int) -> int:
        gender = ("female", "male", "other", "unknown")[number % 4]
        retry = {"X-Retry-On-Version-Conflict": "retry; max-retries=10"}
        body = patient("server-contended", gender=gender)
        return client.put("/Patient/server-contended", json=body, headers=retry).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(40))) <= {httpx.codes.OK, httpx.codes.CREATED}


def test_a_second_start_finds_the_server_running(fhir_server: Settings) -> None:
    before = server.status(fhir_server)
    heard: list[str] = []
    after = server.start(fhir_server, heard.append)
    assert heard == ["FHIR server: already running"]
    assert (after.hapi, after.postgres) == (before.hapi, before.postgres)
