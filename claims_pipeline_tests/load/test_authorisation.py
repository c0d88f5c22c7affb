"""A load into a server that asks for access tokens: they expire, are revoked, or are not given while it runs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.load import Counts, load_files, reconcile, remove
from claims_pipeline.settings import Settings
from claims_pipeline_tests.fhir_access.authorisation_server import AuthorisationServer
from claims_pipeline_tests.fhir_access.conftest import authority, rsa_key, write_pem
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response, outcome
from claims_pipeline_tests.load.proxy import Fault, faulty
from claims_pipeline_tests.load.proxy import Request as ProxyRequest

__all__ = ["authority", "rsa_key"]

COUNT = 60


def patients(folder: Path, prefix: str = "auth") -> list[str]:
    lines = (json.dumps({"resourceType": "Patient", "id": f"{prefix}-{n}"}) for n in range(COUNT))
    file = folder / "patients.ndjson"
    file.write_text("\n".join(lines))
    return [str(file)]


def guarded(server: FakeServer, authority: AuthorisationServer, incident: Callable[[], object]) -> None:
    """Let the server ask for a token; `incident` happens once, in the middle."""
    has_happened = False

    def rule(request: Request) -> Response | None:
        nonlocal has_happened
        if not has_happened and len(server.names("Patient")) >= COUNT / 3:
            has_happened = True
            incident()
        return None if authority.accepts(request.headers.get("authorization")) else outcome(401, "who are you?")

    server.behave(rule)


@pytest.fixture
def client(
    fake_target: Settings, authority: AuthorisationServer, rsa_key: rsa.RSAPrivateKey, tmp_path: Path
) -> Settings:
    """Settings of a client of the authorisation server that sends many small bundles."""
    authority.keys["key-1"] = rsa_key.public_key()
    return fake_target.model_copy(
        update={
            "fhir_client_id": "loader",
            "fhir_private_key_file": write_pem(rsa_key, tmp_path),
            "fhir_key_id": "key-1",
            "fhir_token_url": authority.token_url,
            "batch_size": 5,
            "fhir_patience_seconds": 5,
        }
    )


@pytest.mark.heavy
def test_a_token_that_is_revoked_in_the_middle_costs_nothing(
    fake_server: FakeServer, client: Settings, authority: AuthorisationServer, tmp_path: Path
) -> None:
    guarded(fake_server, authority, authority.revoke)

    report = load_files(patients(tmp_path), client)

    assert report.total == Counts(read=COUNT, created=COUNT)
    assert report.exit_code == 0
    assert len(authority.requests) == 3  # to check the server before the files are read, to load, after the refusal
    assert reconcile(client, deep=True).is_equal
    assert remove(client).exit_code == 0


@pytest.mark.heavy
def test_an_authorisation_server_that_is_away_for_a_moment_is_asked_again(
    fake_server: FakeServer, client: Settings, authority: AuthorisationServer, tmp_path: Path
) -> None:
    def away() -> None:
        authority.revoke()
        authority.fails_with += [503, 502]

    guarded(fake_server, authority, away)

    assert load_files(patients(tmp_path), client).total == Counts(read=COUNT, created=COUNT)
    assert authority.fails_with == []


@pytest.mark.heavy
def test_a_key_that_is_withdrawn_in_the_middle_stops_the_load_and_loses_nothing(
    fake_server: FakeServer, client: Settings, authority: AuthorisationServer, tmp_path: Path
) -> None:
    keys = dict(authority.keys)

    def withdraw() -> None:
        authority.revoke()
        authority.keys.clear()

    guarded(fake_server, authority, withdraw)
    report = load_files(patients(tmp_path), client)
    authority.keys |= keys
    again = load_files(patients(tmp_path), client)

    assert isinstance(report.stopped, FhirError)
    assert "gives 'loader' no access token: invalid_client" in report.stopped.message
    assert report.stopped.where == authority.token_url
    assert 0 < report.total.created < COUNT
    assert report.total.rejected == 0
    assert again.exit_code == 0
    assert again.total.created + again.total.already_equal + again.total.unchanged == COUNT


@pytest.mark.heavy
def test_a_token_endpoint_that_does_not_answer_is_named_instead_of_the_fhir_server(
    fake_server: FakeServer, client: Settings, tmp_path: Path
) -> None:
    nobody = client.model_copy(update={"fhir_token_url": "http://127.0.0.1:1/token"})

    with pytest.raises(ServerUnavailable, match="the authorisation server did not answer") as error:
        load_files(patients(tmp_path), nobody)

    assert error.value.where == "http://127.0.0.1:1/token"
    assert "CLAIMS_FHIR_TOKEN_URL" in error.value.fix
    assert fake_server.requests == []


def test_a_token_that_the_server_does_not_accept_is_replaced_once_and_then_the_load_ends(
    fake_server: FakeServer, client: Settings, authority: AuthorisationServer, tmp_path: Path
) -> None:
    fake_server.behave(lambda _: outcome(401, "not this one"))

    with pytest.raises(FhirError, match="denies access: HTTP 401"):
        load_files(patients(tmp_path), client)

    assert len(authority.requests) == 2


@pytest.mark.server
def test_tokens_that_live_a_second_carry_a_load_into_the_real_server(
    target: Settings, authority: AuthorisationServer, rsa_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    authority.keys["key-1"] = rsa_key.public_key()
    authority.token_seconds = 1

    def rule(request: ProxyRequest) -> Fault | None:
        if request.number == 3:
            authority.revoke()
        known = authority.accepts(request.headers.get("authorization"))
        return Fault(delay_seconds=0.2, is_passed_on=True) if known else Fault(status=401)

    with faulty(target.fhir_base_url, rule) as proxy:
        client = target.model_copy(
            update={
                "fhir_base_url": proxy.base_url,
                "fhir_client_id": "loader",
                "fhir_private_key_file": write_pem(rsa_key, tmp_path),
                "fhir_key_id": "key-1",
                "fhir_token_url": authority.token_url,
                "batch_size": 5,
                "workers": 1,
            }
        )
        report = load_files(patients(tmp_path, "auth-real"), client)

    assert report.total == Counts(read=COUNT, created=COUNT)
    assert len(authority.requests) > 3
