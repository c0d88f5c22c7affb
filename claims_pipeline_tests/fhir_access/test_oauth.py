"""Access tokens from a real authorisation server, and what is said when there is none."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from claims_pipeline.errors import ConfigError, FhirError
from claims_pipeline.fhir_access import TokenUnavailable, client_options
from claims_pipeline.fhir_access.token_request import SPARE_SECONDS
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline_tests.fhir_access.authorisation_server import AuthorisationServer, serving
from claims_pipeline_tests.fhir_access.conftest import certified, write_pem

SECRET = "s3cret +/:~ä"


@pytest.fixture
def by_secret(authority: AuthorisationServer) -> Settings:
    """Settings of a client that is registered with a secret."""
    authority.secret = SECRET
    return load_settings(fhir_base_url=authority.base_url, fhir_client_id="loader", fhir_client_secret=SECRET)


@pytest.fixture
def by_key(authority: AuthorisationServer, rsa_key: rsa.RSAPrivateKey, tmp_path: Path) -> Settings:
    """Settings of a client that is registered with a public key."""
    authority.keys["key-1"] = rsa_key.public_key()
    return load_settings(
        fhir_base_url=authority.base_url,
        fhir_client_id="loader",
        fhir_private_key_file=write_pem(rsa_key, tmp_path),
        fhir_key_id="key-1",
    )


def statuses(settings: Settings, count: int = 1, between: Callable[[], object] = lambda: None) -> list[int]:
    """Return how a server that asks for a token answers requests one after another."""
    with httpx.Client(**client_options(settings)) as client:
        found = []
        for _ in range(count):
            found.append(client.get(f"{settings.fhir_base_url}/metadata").status_code)
            between()
        return found


def test_a_secret_opens_the_server_and_one_token_serves_many_requests(
    authority: AuthorisationServer, by_secret: Settings
) -> None:
    assert statuses(by_secret, 3) == [200, 200, 200]
    assert [form["scope"] for form in authority.requests] == ["system/*.cruds"]


def test_a_signed_jwt_opens_the_server(authority: AuthorisationServer, by_key: Settings) -> None:
    assert statuses(by_key) == [200]
    assert "client_secret" not in authority.requests[0]


def test_an_ec_key_opens_the_server(
    authority: AuthorisationServer, by_key: Settings, ec_key: ec.EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    authority.keys["key-2"] = ec_key.public_key()
    settings = by_key.model_copy(update={"fhir_private_key_file": write_pem(ec_key, tmp_path), "fhir_key_id": "key-2"})

    assert statuses(settings) == [200]


def test_the_token_endpoint_that_is_set_is_not_looked_up(authority: AuthorisationServer, by_key: Settings) -> None:
    authority.names_token_endpoint = False

    assert statuses(by_key.model_copy(update={"fhir_token_url": authority.token_url})) == [200]
    with pytest.raises(FhirError, match="does not say where access tokens are given: HTTP 404") as error:
        statuses(by_key)
    assert "CLAIMS_FHIR_TOKEN_URL" in error.value.fix


def test_a_token_is_renewed_before_it_expires(
    authority: AuthorisationServer, by_key: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.token_seconds = 600
    monotonic, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + passed[0])

    def wait() -> None:
        passed[0] += 600 - SPARE_SECONDS / 2  # the server still accepts it

    assert statuses(by_key, 2, wait) == [200, 200]
    assert len(authority.requests) == 2


def test_a_token_that_expired_meanwhile_is_replaced(authority: AuthorisationServer, by_key: Settings) -> None:
    authority.token_seconds = 0.2

    assert statuses(by_key, 3, lambda: time.sleep(0.25)) == [200] * 3
    assert len(authority.requests) == 3


def test_a_token_that_is_refused_is_replaced_once(authority: AuthorisationServer, by_key: Settings) -> None:
    assert statuses(by_key, 2, authority.revoke) == [200, 200]
    assert len(authority.requests) == 2


def test_a_token_without_an_end_is_used_until_it_is_refused(authority: AuthorisationServer, by_key: Settings) -> None:
    authority.token_seconds = None

    assert statuses(by_key, 3) == [200] * 3
    assert len(authority.requests) == 1


@pytest.mark.heavy
def test_requests_at_once_share_one_new_token(authority: AuthorisationServer, by_key: Settings) -> None:
    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(**client_options(by_key)) as client:
            url = f"{by_key.fhir_base_url}/metadata"
            await client.get(url)
            authority.revoke()
            return [answer.status_code for answer in await asyncio.gather(*(client.get(url) for _ in range(8)))]

    assert asyncio.run(all_at_once()) == [200] * 8
    assert len(authority.requests) == 2


def refusal(settings: Settings) -> FhirError:
    with pytest.raises(FhirError) as error:
        statuses(settings)
    told = error.value.render()
    assert SECRET not in told
    assert "eyJ" not in told, "the assertion is told"
    assert len(told.splitlines()) <= 3
    return error.value


def test_a_wrong_secret_is_reported_without_quoting_it(authority: AuthorisationServer, by_secret: Settings) -> None:
    authority.secret = "another"

    error = refusal(by_secret)

    assert error.message == "the authorisation server gives 'loader' no access token: invalid_client (HTTP 400)"
    assert error.where == authority.token_url
    assert "CLAIMS_FHIR_CLIENT_SECRET" in error.fix


def test_a_key_that_is_no_longer_registered_is_named(authority: AuthorisationServer, by_key: Settings) -> None:
    authority.keys.clear()

    error = refusal(by_key)

    assert "invalid_client" in error.message
    assert "key 'key-1'" in error.fix
    assert "has not expired" in error.fix


@pytest.mark.parametrize(("seconds", "words"), [(600, "behind its"), (-600, "ahead of its")])
def test_clocks_that_differ_are_reported(
    authority: AuthorisationServer, by_key: Settings, seconds: float, words: str
) -> None:
    authority.clock_ahead_seconds = seconds

    error = refusal(by_key)

    assert words in error.message
    assert "set the clock" in error.fix


def test_a_scope_that_is_not_allowed_is_named(authority: AuthorisationServer, by_key: Settings) -> None:
    authority.scopes = {"system/Patient.r"}

    assert "invalid_scope" in refusal(by_key).message
    assert "CLAIMS_FHIR_SCOPE" in refusal(by_key).fix


@pytest.mark.parametrize("token", ["two words", "sécret\n"])
def test_a_token_that_no_header_can_carry_is_named_as_such(
    authority: AuthorisationServer, by_key: Settings, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr(authority, "issue", lambda *_: {"access_token": token, "token_type": "bearer"})

    assert "with an access token that no header can carry" in refusal(by_key).message


def test_a_token_endpoint_that_does_not_answer_is_named(authority: AuthorisationServer, by_key: Settings) -> None:
    nobody = by_key.model_copy(update={"fhir_token_url": "http://127.0.0.1:1/token"})
    with pytest.raises(TokenUnavailable, match="the authorisation server did not answer") as unreachable:
        statuses(nobody)
    assert unreachable.value.url == "http://127.0.0.1:1/token"

    authority.fails_with = [503]
    with pytest.raises(TokenUnavailable, match="HTTP 503"):
        statuses(by_key)


def test_only_a_trusted_certificate_gets_a_secret(
    by_secret: Settings, rsa_key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    context, certificate = certified(rsa_key, tmp_path)
    with serving(AuthorisationServer(secret=SECRET), tls=context) as secure:
        settings = by_secret.model_copy(update={"fhir_base_url": secure.base_url, "fhir_token_url": secure.token_url})
        with pytest.raises(FhirError, match="certificate of the authorisation server is not trusted"):
            statuses(settings)
        assert secure.requests == []
        assert statuses(settings.model_copy(update={"fhir_ca_file": certificate})) == [200]


@pytest.mark.parametrize("url", ["http://as.example/token", "ftp://127.0.0.1/token"])
def test_no_secret_goes_over_an_open_connection_to_another_machine(by_secret: Settings, url: str) -> None:
    with pytest.raises(ConfigError, match="neither https nor on this machine"):
        statuses(by_secret.model_copy(update={"fhir_token_url": url}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fhir_client_id": "loader"}, "CLAIMS_FHIR_CLIENT_ID needs either CLAIMS_FHIR_CLIENT_SECRET or"),
        ({"fhir_password": "x"}, "CLAIMS_FHIR_PASSWORD is set without CLAIMS_FHIR_USER"),
        ({"fhir_client_secret": "x"}, "CLAIMS_FHIR_CLIENT_SECRET is set without CLAIMS_FHIR_CLIENT_ID"),
        (
            {"fhir_client_id": "loader", "fhir_client_secret": "x", "fhir_private_key_file": "key.pem"},
            "needs either CLAIMS_FHIR_CLIENT_SECRET or CLAIMS_FHIR_PRIVATE_KEY_FILE",
        ),
        (
            {"fhir_client_id": "loader", "fhir_client_secret": "x", "fhir_token": "y"},
            "both CLAIMS_FHIR_TOKEN and CLAIMS_FHIR_CLIENT_ID are set",
        ),
    ],
)
def test_authentication_that_is_set_by_half_or_twice_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        client_options(load_settings(fhir_base_url="https://fhir.example.org/r4", **values))


def test_secrets_are_not_shown(by_secret: Settings, by_key: Settings) -> None:
    for settings in (by_secret, by_key):
        shown = repr(settings) + repr(client_options(settings)) + repr(client_options(settings)["auth"])
        assert SECRET not in shown
        assert "PRIVATE" not in shown
