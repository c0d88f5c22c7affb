"""Installing the search parameter for diagnoses."""

import json
import threading
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.ports import free_port
from claims_pipeline.server import install_search_parameters
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.server.search_parameters import CLAIM_DIAGNOSIS
from claims_pipeline.settings import Settings


@pytest.mark.server
def test_the_search_parameter_is_a_valid_one(fhir_server: Settings) -> None:
    url = f"{fhir_server.fhir_base_url}/SearchParameter/$validate"
    issues = httpx.post(url, json=CLAIM_DIAGNOSIS, timeout=60, trust_env=False).json()["issue"]
    assert [issue for issue in issues if issue["severity"] in {"error", "fatal"}] == []


@pytest.mark.server
def test_a_search_parameter_that_is_there_is_left_alone(fhir_server: Settings) -> None:
    url = f"{fhir_server.fhir_base_url}/SearchParameter/claim-diagnosis"
    before = httpx.get(url, trust_env=False).json()
    assert not install_search_parameters(fhir_server.fhir_base_url)
    assert httpx.get(url, trust_env=False).json()["meta"] == before["meta"]


def reindex_jobs(settings: Settings) -> int:
    """Return how many jobs HAPI FHIR has that index anew what is stored."""
    query = "SELECT count(*) FROM bt2_job_instance WHERE definition_id = 'REINDEX'"
    return int(Postgres.of(settings).run_client("psql", "-XAtq", "-c", query).stdout)


@pytest.mark.server
def test_stored_resources_are_not_indexed_again_when_a_new_search_parameter_asks_for_that(
    fhir_server: Settings,
) -> None:
    url = f"{fhir_server.fhir_base_url}/SearchParameter/of-a-test"
    own = CLAIM_DIAGNOSIS | {"id": "of-a-test", "url": "http://example.org/of-a-test", "code": "of-a-test"}
    before = reindex_jobs(fhir_server)

    httpx.put(url, json=own, headers={"X-Skip-Reindex": "true"}, trust_env=False).raise_for_status()
    after_skipping = reindex_jobs(fhir_server)
    httpx.put(url, json=own | {"description": "another"}, trust_env=False).raise_for_status()

    assert (after_skipping, reindex_jobs(fhir_server)) == (before, before + 1)
    httpx.delete(url, headers={"X-Skip-Reindex": "true"}, trust_env=False).raise_for_status()


@dataclass
class Recorder:
    """A server that holds so many claims and writes down with which headers it gets a resource."""

    claims: int
    headers: list[Message] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, *arguments: Any, recorder: Recorder) -> None:
        self.recorder = recorder
        super().__init__(*arguments)

    def do_GET(self) -> None:
        if "/SearchParameter/" in self.path:
            self.send_error(404)
        else:
            self._answer({"resourceType": "Bundle", "type": "searchset", "total": self.recorder.claims})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.recorder.headers.append(self.headers)
        self._answer({"resourceType": "SearchParameter"})

    def _answer(self, resource: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(resource).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize(("claims", "skips"), [(0, "true"), (3, None)])
def test_only_a_server_without_claims_need_not_index_them(claims: int, skips: str | None) -> None:
    recorder = Recorder(claims)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, recorder=recorder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        installed = install_search_parameters(f"http://127.0.0.1:{http.server_port}/fhir")
        http.shutdown()

    assert installed
    assert [headers["X-Skip-Reindex"] for headers in recorder.headers] == [skips]


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, *_: Any) -> None:
        pass


def test_a_page_that_answers_everything_is_no_fhir_server() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with pytest.raises(FhirError, match="there is no FHIR server at this address"):
            install_search_parameters(f"http://127.0.0.1:{http.server_port}/fhir")
        http.shutdown()


def test_a_server_that_does_not_answer_is_named() -> None:
    base_url = f"http://127.0.0.1:{free_port()}/fhir"
    with pytest.raises(ServerUnavailable, match="does not answer") as caught:
        install_search_parameters(base_url)
    assert caught.value.where == base_url


@pytest.mark.server
def test_something_that_is_no_fhir_server_is_refused(fhir_server: Settings) -> None:
    base_url = fhir_server.fhir_base_url.removesuffix("/fhir") + "/actuator"
    with pytest.raises(FhirError, match="refuses the search parameter claim-diagnosis: HTTP 404"):
        install_search_parameters(base_url)
