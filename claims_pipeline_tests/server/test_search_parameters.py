"""Installing the search parameter for diagnoses."""

import httpx
import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.ports import free_port
from claims_pipeline.server import install_search_parameters
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
