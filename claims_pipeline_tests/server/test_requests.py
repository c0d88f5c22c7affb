"""What the embedded server answers to requests that are unusual, or that a web page elsewhere sends."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from claims_pipeline.settings import Settings

pytestmark = pytest.mark.server

PATIENT = {"resourceType": "Patient", "gender": "female"}


@pytest.fixture
def client(fhir_server: Settings) -> Iterator[httpx.Client]:
    headers = {"Content-Type": "application/fhir+json"}
    with httpx.Client(base_url=fhir_server.fhir_base_url, timeout=60, headers=headers, trust_env=False) as client:
        yield client


def outcome(answer: httpx.Response) -> dict[str, Any]:
    """The one issue of an OperationOutcome."""
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    issue: dict[str, Any] = body["issue"][0]
    return issue


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.rebound.example", "localhost.rebound.example:8080"])
def test_a_name_that_is_not_the_servers_is_refused(client: httpx.Client, host: str) -> None:
    for path in ("/metadata", "/Patient"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == httpx.codes.MISDIRECTED_REQUEST
        assert "CLAIMS_FHIR_HOSTS" in outcome(answer)["diagnostics"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:8080", "fhir.example.org"])
def test_the_names_of_the_loopback_and_the_added_ones_are_answered(client: httpx.Client, host: str) -> None:
    client.get("/Patient", params={"_summary": "count"}, headers={"Host": host}).raise_for_status()


@pytest.mark.parametrize("origin", ["http://hostile.example", "http://127.0.0.1:9", "null", "not an origin"])
def test_a_page_of_another_origin_changes_nothing(client: httpx.Client, origin: str) -> None:
    for method, path in (("POST", "/Patient"), ("PUT", "/Patient/requests-1"), ("DELETE", "/Patient/requests-1")):
        answer = client.request(method, path, json={**PATIENT, "id": "requests-1"}, headers={"Origin": origin})
        assert answer.status_code == httpx.codes.FORBIDDEN, method
        assert outcome(answer)["code"] == "security"
    assert client.get("/Patient/requests-1").status_code == httpx.codes.NOT_FOUND


def test_a_page_of_another_origin_may_not_read_the_answer(client: httpx.Client) -> None:
    answer = client.get("/metadata", headers={"Origin": "http://hostile.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_of_the_servers_own_origin_writes(client: httpx.Client) -> None:
    own = f"http://{client.base_url.netloc.decode()}"
    client.put("/Patient/requests-2", json={**PATIENT, "id": "requests-2"}, headers={"Origin": own}).raise_for_status()


def test_a_token_is_searched_with_a_plain_bar_as_fhir_writes_it(fhir_server: Settings) -> None:
    status, _, body = raw_get(fhir_server, "/fhir/Claim?diagnosis=http://hl7.org/fhir/sid/icd-10-cm|I10&_summary=count")
    assert (status, json.loads(body)["resourceType"]) == (httpx.codes.OK, "Bundle")


def test_an_address_that_cannot_be_read_is_answered_in_fhir(fhir_server: Settings) -> None:
    status, content_type, body = raw_get(fhir_server, "/fhir/Patient?name={x}")
    assert (status, content_type) == (httpx.codes.BAD_REQUEST, "application/fhir+json;charset=UTF-8")
    assert "percent-encode" in json.loads(body)["issue"][0]["diagnostics"]


def test_an_address_may_hold_thousands_of_ids_and_one_too_long_is_answered_in_fhir(fhir_server: Settings) -> None:
    ids = [f"requests-{number:06}" for number in range(5_000)]
    status, _, _ = raw_get(fhir_server, f"/fhir/Patient?_summary=count&_id={','.join(ids[:2_500])}")
    assert status == httpx.codes.OK
    status, content_type, body = raw_get(fhir_server, f"/fhir/Patient?_summary=count&_id={','.join(ids)}")
    assert (status, content_type) == (httpx.codes.BAD_REQUEST, "application/fhir+json;charset=UTF-8")
    assert "_search" in json.loads(body)["issue"][0]["diagnostics"]


def test_ids_of_digits_are_taken_and_do_not_meet_the_servers_own(client: httpx.Client) -> None:
    client.put("/Patient/4714", json={**PATIENT, "id": "4714"}).raise_for_status()
    made = client.post("/Patient", json=PATIENT).raise_for_status().headers["Location"].split("/Patient/")[1]
    assert not made.split("/")[0].isdigit()
    observation = observation_of("Patient/4714", "4715")
    client.put("/Observation/4715", json=observation).raise_for_status()
    assert found(client, "subject=Patient/4714") == found(client, "subject=4714") == ["4715"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_reference_below_the_servers_own_base_is_one_of_its_own(
    client: httpx.Client, fhir_server: Settings, host: str
) -> None:
    base = f"http://{host}:{fhir_server.fhir_port}/fhir"
    client.put("/Patient/requests-3", json={**PATIENT, "id": "requests-3"}).raise_for_status()
    observation_id = f"requests-{host}"
    client.put(
        f"/Observation/{observation_id}", json=observation_of(f"{base}/Patient/requests-3", observation_id)
    ).raise_for_status()

    stored = client.get(f"/Observation/{observation_id}").json()
    assert stored["subject"] == {"reference": "Patient/requests-3"}
    assert observation_id in found(client, "subject=Patient/requests-3")
    missing = client.put("/Observation/requests-4", json=observation_of(f"{base}/Patient/nobody", "requests-4"))
    assert "Patient/nobody not found" in outcome(missing)["diagnostics"]


def test_a_reference_to_another_server_is_kept_as_it_is(client: httpx.Client) -> None:
    elsewhere = "https://fhir.hospital.example/r4/Patient/9"
    client.put("/Observation/requests-5", json=observation_of(elsewhere, "requests-5")).raise_for_status()
    assert client.get("/Observation/requests-5").json()["subject"] == {"reference": elsewhere}
    assert found(client, f"subject={elsewhere}") == ["requests-5"]


def test_a_search_finds_what_was_written_after_the_same_search(client: httpx.Client) -> None:
    search = {"identifier": "requests-stale", "_elements": "id"}
    assert "entry" not in client.get("/Patient", params=search).json()
    fresh = {**PATIENT, "id": "requests-6", "identifier": [{"value": "requests-stale"}]}
    client.put("/Patient/requests-6", json=fresh).raise_for_status()
    assert [entry["resource"]["id"] for entry in client.get("/Patient", params=search).json()["entry"]] == [
        "requests-6"
    ]


def observation_of(subject: str, observation_id: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": observation_id,
        "status": "final",
        "code": {"text": "weight"},
        "subject": {"reference": subject},
    }


def found(client: httpx.Client, search: str) -> list[str]:
    bundle = client.get(f"/Observation?{search}", headers={"Cache-Control": "no-cache"}).raise_for_status().json()
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def raw_get(settings: Settings, target: str) -> tuple[int, str, bytes]:
    """GET a target as it stands: httpx would encode it."""
    address = urlsplit(settings.fhir_base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        connection.putrequest("GET", target)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()
