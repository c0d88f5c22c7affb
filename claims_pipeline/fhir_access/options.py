"""Arguments of the HTTP clients that talk to a FHIR server."""

import ssl
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import httpx

from claims_pipeline.errors import ConfigError
from claims_pipeline.fhir_access.oauth import OAuth
from claims_pipeline.fhir_access.token_request import OAuthClient
from claims_pipeline.ports import LOOPBACK
from claims_pipeline.settings import Settings

FHIR_JSON = "application/fhir+json"


class ClientOptions(TypedDict):
    """Arguments of `httpx.Client` and `httpx.AsyncClient`."""

    headers: dict[str, str]
    auth: httpx.Auth | None
    verify: ssl.SSLContext
    trust_env: bool


def anonymous(base_url: str, ca_file: Path | None = None) -> ClientOptions:
    """Return the client options for a server without authentication; one on this machine never uses a proxy.

    Raises:
        ConfigError: `ca_file` cannot be used.
    """
    return {
        "headers": {"Accept": FHIR_JSON},
        "auth": None,
        "verify": without_tls() if _is_without_tls(base_url) else _trusted(ca_file),
        "trust_env": urlsplit(base_url).hostname not in LOOPBACK,
    }


def without_tls() -> ssl.SSLContext:
    """Return a context that trusts no certificate, for clients of a server on this machine without TLS.

    By default httpx reads its list of certificates for each client, which takes longer than a request.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _is_without_tls(base_url: str) -> bool:
    """Tell whether no certificate is needed; a server elsewhere may be behind a proxy and send links with https."""
    parts = urlsplit(base_url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def client_options(settings: Settings) -> ClientOptions:
    """Return the client options for `settings.fhir_base_url`, with its authentication and trusted certificates.

    Raises:
        ConfigError: the file of certificates or the private key cannot be used, several kinds of authentication are
            set, or one is incomplete.
    """
    options = anonymous(settings.fhir_base_url, settings.fhir_ca_file)
    _require_one_kind(settings)
    if settings.fhir_token:
        options["headers"]["Authorization"] = f"Bearer {settings.fhir_token.get_secret_value()}"
    if settings.fhir_user:
        password = settings.fhir_password.get_secret_value() if settings.fhir_password else ""
        options["auth"] = httpx.BasicAuth(settings.fhir_user, password)
    if settings.fhir_client_id:
        # the token server may be another machine, even if the FHIR server is this one
        verify = _trusted(settings.fhir_ca_file) if _is_without_tls(settings.fhir_base_url) else options["verify"]
        options["auth"] = OAuth(_oauth_client(settings, verify))
    return options


def _trusted(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"CLAIMS_FHIR_CA_FILE holds no certificates: {error}", where=str(ca_file)) from error
    return context


def _require_one_kind(settings: Settings) -> None:
    kinds = {
        "CLAIMS_FHIR_USER": settings.fhir_user,
        "CLAIMS_FHIR_TOKEN": settings.fhir_token,
        "CLAIMS_FHIR_CLIENT_ID": settings.fhir_client_id,
    }
    chosen = [name for name, value in kinds.items() if value]
    if len(chosen) > 1:
        names = f"both {chosen[0]} and {chosen[1]}" if len(chosen) == 2 else f"{', '.join(chosen)} all"
        raise ConfigError(f"{names} are set", fix="set one of them")
    proofs = {
        "CLAIMS_FHIR_CLIENT_SECRET": settings.fhir_client_secret,
        "CLAIMS_FHIR_PRIVATE_KEY_FILE": settings.fhir_private_key_file,
    }
    given = [name for name, value in proofs.items() if value]
    if settings.fhir_client_id and len(given) != 1:
        raise ConfigError(
            f"CLAIMS_FHIR_CLIENT_ID needs either {' or '.join(proofs)}", fix="set one of them, and not the other"
        )
    if settings.fhir_password and not settings.fhir_user:
        raise ConfigError("CLAIMS_FHIR_PASSWORD is set without CLAIMS_FHIR_USER", fix="set both, or neither")
    if given and not settings.fhir_client_id:
        raise ConfigError(f"{given[0]} is set without CLAIMS_FHIR_CLIENT_ID", fix="set both, or neither")


def _oauth_client(settings: Settings, verify: ssl.SSLContext) -> OAuthClient:
    # imported here: it brings PyJWT and cryptography, which other ways of access and Dagster's definitions do not need
    from claims_pipeline.fhir_access.signing_key import read_signing_key

    file = settings.fhir_private_key_file
    return OAuthClient(
        base_url=settings.fhir_base_url,
        client_id=settings.fhir_client_id,
        scope=settings.fhir_scope,
        secret=settings.fhir_client_secret,
        key=read_signing_key(file, settings.fhir_key_id) if file else None,
        token_url=settings.fhir_token_url,
        verify=verify,
        seconds=settings.fhir_request_seconds,
    )
