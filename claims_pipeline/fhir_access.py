"""How any FHIR server of the settings is reached: who we are, which certificates count, through a proxy or not."""

import ssl
from typing import TypedDict
from urllib.parse import urlsplit

import httpx

from claims_pipeline.errors import ConfigError
from claims_pipeline.ports import LOOPBACK
from claims_pipeline.settings import Settings

FHIR_JSON = "application/fhir+json"


class ClientOptions(TypedDict):
    """Arguments of `httpx.Client` and `httpx.AsyncClient`."""

    headers: dict[str, str]
    auth: httpx.BasicAuth | None
    verify: ssl.SSLContext | bool
    trust_env: bool


def anonymous(base_url: str) -> ClientOptions:
    """Return how a server that asks for nothing is reached; one of this machine never through a proxy."""
    return {
        "headers": {"Accept": FHIR_JSON},
        "auth": None,
        "verify": ssl.create_default_context() if base_url.startswith("https") else True,
        "trust_env": urlsplit(base_url).hostname not in LOOPBACK,
    }


def client_options(settings: Settings) -> ClientOptions:
    """Return how `settings.fhir_base_url` is reached, with `CLAIMS_FHIR_USER`, `_PASSWORD`, `_TOKEN` and `_CA_FILE`.

    Raises:
        ConfigError: the file of certificates cannot be used, or both kinds of authentication are set.
    """
    options = anonymous(settings.fhir_base_url)
    if settings.fhir_user and settings.fhir_token:
        raise ConfigError("both CLAIMS_FHIR_USER and CLAIMS_FHIR_TOKEN are set", fix="set one of them")
    if settings.fhir_token:
        options["headers"]["Authorization"] = f"Bearer {settings.fhir_token.get_secret_value()}"
    if settings.fhir_user:
        password = settings.fhir_password.get_secret_value() if settings.fhir_password else ""
        options["auth"] = httpx.BasicAuth(settings.fhir_user, password)
    if settings.fhir_ca_file and isinstance(options["verify"], ssl.SSLContext):
        try:
            options["verify"].load_verify_locations(settings.fhir_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"CLAIMS_FHIR_CA_FILE holds no certificates: {error}", where=str(settings.fhir_ca_file)
            ) from error
    return options
