"""Who we are to a FHIR server, and whom we trust."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from claims_pipeline.errors import ConfigError
from claims_pipeline.fhir_access import client_options
from claims_pipeline.settings import load_settings
from claims_pipeline_tests.fhir_access.conftest import certified

BASE = "https://fhir.example.org/r4"


def authorization(**settings: Any) -> str | None:
    options = client_options(load_settings(fhir_base_url=BASE, **settings))
    with httpx.Client(**options) as client:
        request = client.build_request("GET", BASE)
        sent: httpx.Request = next((options["auth"] or httpx.Auth()).sync_auth_flow(request))
        value: str | None = sent.headers.get("Authorization")
        return value


def test_nobody_is_named_unless_set() -> None:
    assert authorization() is None


def test_a_token_is_sent_as_a_bearer() -> None:
    assert authorization(fhir_token="abc") == "Bearer abc"


def test_a_user_is_sent_by_basic_authentication() -> None:
    assert authorization(fhir_user="anna", fhir_password="secret") == "Basic YW5uYTpzZWNyZXQ="


def test_a_token_and_a_user_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="both CLAIMS_FHIR_USER and CLAIMS_FHIR_TOKEN"):
        authorization(fhir_user="anna", fhir_token="abc")


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="CLAIMS_FHIR_CA_FILE holds no certificates"):
        authorization(fhir_ca_file=tmp_path / "ca.pem")


@pytest.mark.parametrize(
    ("base_url", "trusted"),
    [
        ("https://fhir.example.org/r4", 1),
        ("https://127.0.0.1/fhir", 1),
        ("http://fhir.example.org/r4", 1),  # behind a proxy it may send links with https
        ("http://127.0.0.1:8080/fhir", 0),
        ("http://localhost:8080/fhir", 0),
        ("http://[::1]:8080/fhir", 0),
    ],
)
def test_the_systems_certificates_are_trusted_except_for_a_server_of_this_machine_without_tls(
    base_url: str, trusted: int, rsa_key: rsa.RSAPrivateKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, certificate = certified(rsa_key, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # so that the system has one certificate
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))

    context = client_options(load_settings(fhir_base_url=base_url))["verify"]

    assert context.cert_store_stats()["x509"] == trusted
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("oauth", [{}, {"fhir_client_id": "loader", "fhir_client_secret": "s"}], ids=["none", "oauth"])
def test_the_list_of_certificates_is_read_once_a_client(monkeypatch: pytest.MonkeyPatch, oauth: dict[str, Any]) -> None:
    read: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def reading() -> ssl.SSLContext:
        read.append(create())
        return read[-1]

    monkeypatch.setattr(ssl, "create_default_context", reading)

    settings = load_settings(fhir_base_url="https://fhir.example.org/r4", **oauth)
    assert client_options(settings)["verify"] is read[0]
    assert len(read) == 1


@pytest.mark.parametrize(("host", "may"), [("127.0.0.1", False), ("localhost", False), ("fhir.example.org", True)])
def test_this_machine_is_never_reached_through_a_proxy(host: str, may: bool) -> None:
    assert client_options(load_settings(fhir_base_url=f"http://{host}/fhir"))["trust_env"] is may
