"""Asks an authorisation server for an access token, and says why it gives none.

Client credentials (RFC 6749, 4.4) with a secret, or with a signed JWT as SMART Backend Services ask for
(https://hl7.org/fhir/smart-app-launch/backend-services.html).
"""

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlsplit

import httpx
from pydantic import SecretStr

from claims_pipeline.errors import ConfigError, FhirError
from claims_pipeline.ports import LOOPBACK
from claims_pipeline.settings import BEARER_TOKEN

if TYPE_CHECKING:
    from claims_pipeline.fhir_access.signing_key import SigningKey

DISCOVERY = ".well-known/smart-configuration"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

SPARE_SECONDS = 30.0
"""A token is renewed this long before it expires, or after four fifths of its life if that is short."""

CLOCKS_DIFFER_SECONDS = 60.0
"""More than this between our clock and the authorisation server's is reported as the likely cause of a refusal."""

NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


class TokenUnavailable(httpx.TransportError):
    """The authorisation server did not say whether it issues a token: asking again may help.

    Attributes:
        url: the address that did not answer.
    """

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(f"there is no access token, the authorisation server did not answer: {problem}")
        self.url = url


@dataclass(frozen=True)
class OAuthClient:
    """The client that asks for a token, and the address that it asks.

    Attributes:
        base_url: the FHIR server, which names the token endpoint if `token_url` is empty.
        client_id: the name under which the loader is registered.
        scope: the scopes to ask for.
        secret: authenticates the loader; None if `key` does.
        key: signs the assertion that authenticates the loader; None if `secret` does.
        token_url: the token endpoint.
        verify: the certificates to trust.
        seconds: longest wait for an answer.
    """

    base_url: str
    client_id: str
    scope: str
    secret: SecretStr | None
    key: "SigningKey | None"
    token_url: str
    verify: ssl.SSLContext | bool
    seconds: float


@dataclass(frozen=True)
class Token:
    """An access token; one that is about to expire is not fresh."""

    value: str = field(repr=False)
    renew_at: float

    @property
    def is_fresh(self) -> bool:
        """Whether it is used without asking for another."""
        return time.monotonic() < self.renew_at


def discover(client: OAuthClient) -> str:
    """Return the token endpoint that the FHIR server names in its SMART configuration.

    Raises:
        FhirError: it names none, or its certificate is not trusted.
        TokenUnavailable: it did not answer.
    """
    url = f"{client.base_url}/{DISCOVERY}"
    answer = _asked(client, "GET", url)
    endpoint = _json(answer).get("token_endpoint") if answer.is_success else None
    if not isinstance(endpoint, str):
        raise FhirError(
            f"the FHIR server does not say where access tokens are given: HTTP {answer.status_code}",
            where=url,
            fix="set CLAIMS_FHIR_TOKEN_URL to the token endpoint of its authorisation server",
        )
    return endpoint


def request_token(client: OAuthClient, url: str) -> Token:
    """Ask the token endpoint at `url` for an access token.

    Raises:
        ConfigError: the endpoint is neither https nor on this machine.
        FhirError: the authorisation server gives us none.
        TokenUnavailable: it did not answer.
    """
    _require_private(url)
    form = {"grant_type": "client_credentials", "scope": client.scope}
    auth = None
    if client.key is not None:
        form |= {"client_assertion_type": JWT_BEARER, "client_assertion": client.key.assertion(client.client_id, url)}
    elif client.secret is not None:  # both are form-encoded first: RFC 6749, 2.3.1
        auth = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.secret.get_secret_value()))
    asked_at = time.monotonic()
    answer = _asked(client, "POST", url, data=form, auth=auth)
    content = _json(answer)
    value = content.get("access_token")
    if not answer.is_success or not isinstance(value, str) or not BEARER_TOKEN.fullmatch(value):
        raise _refusal(client, url, answer, content)
    return Token(value, asked_at + _useful_seconds(content.get("expires_in")))


def _require_private(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigError(
            "the token endpoint is neither https nor on this machine: others could read our secret on the way",
            where=url,
            fix="set CLAIMS_FHIR_TOKEN_URL to its https address",
        )


def _asked(client: OAuthClient, method: str, url: str, **content: Any) -> httpx.Response:
    trust_env = urlsplit(url).hostname not in LOOPBACK
    headers = {"Accept": "application/json"}
    try:
        with httpx.Client(verify=client.verify, trust_env=trust_env, timeout=client.seconds, headers=headers) as http:
            answer = http.request(method, url, **content)
    except httpx.RequestError as error:
        if NOT_TRUSTED in str(error):
            raise FhirError(
                "the certificate of the authorisation server is not trusted",
                where=url,
                fix="set CLAIMS_FHIR_CA_FILE to the certificate of the authority that signed it",
            ) from error
        raise TokenUnavailable(url, _ERRNO.sub("", str(error)) or type(error).__name__) from error
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise TokenUnavailable(url, f"HTTP {answer.status_code}")
    return answer


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _useful_seconds(expires_in: Any) -> float:
    """Return how long a token is used; one that does not say when it expires, until the server refuses it."""
    try:
        seconds = float(expires_in)
    except (TypeError, ValueError):
        return float("inf")
    return seconds - min(SPARE_SECONDS, seconds / 5) if seconds > 0 else 0.0


def _refusal(client: OAuthClient, url: str, answer: httpx.Response, content: Mapping[str, Any]) -> FhirError:
    """Return what went wrong; of the server's words only the error code, since others may repeat what we sent."""
    code = content.get("error")
    said = f"{code} (HTTP {answer.status_code})" if _is_code(code) else f"HTTP {answer.status_code}"
    message = f"the authorisation server gives {client.client_id!r} no access token: {said}"
    if answer.is_success:
        lack = (
            "with an access token that no header can carry"
            if content.get("access_token")
            else "without an access token"
        )
        message = f"the authorisation server answers {lack} (HTTP {answer.status_code})"
    seconds = _clock_ahead_seconds(answer)
    if client.key is not None and abs(seconds) > CLOCKS_DIFFER_SECONDS:
        message += f"; the clock of this machine is {abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} its"
        return FhirError(message, where=url, fix="set the clock of this machine, then run the same command again")
    return FhirError(message, where=url, fix=_fix(client, code))


def _fix(client: OAuthClient, code: Any) -> str:
    if code == "invalid_scope":
        return f"set CLAIMS_FHIR_SCOPE to what it allows; now it is {client.scope!r}"
    if client.key is not None:
        name = f"key {client.key.key_id!r}" if client.key.key_id else "the key (CLAIMS_FHIR_KEY_ID names none)"
        return (
            f"see that {name} of {client.key.file} is registered there for CLAIMS_FHIR_CLIENT_ID and has not expired, "
            f"with algorithm {client.key.algorithm}"
        )
    return "correct CLAIMS_FHIR_CLIENT_ID and CLAIMS_FHIR_CLIENT_SECRET, which may have expired there"


def _is_code(code: Any) -> bool:
    return isinstance(code, str) and _ERROR_CODE.fullmatch(code) is not None


def _clock_ahead_seconds(answer: httpx.Response) -> float:
    """Return how far our clock is ahead of the server's; 0 if it does not say what time it is."""
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return 0.0
    return (datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds()
