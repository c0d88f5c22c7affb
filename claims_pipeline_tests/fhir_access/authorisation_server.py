"""A small OAuth 2.0 authorisation server, and a FHIR base that asks for its tokens.

It gives tokens for a secret or a signed JWT, of which it checks what SMART Backend Services have a server check:
signature, audience, expiry, one use, scope.
"""

import base64
import json
import secrets
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote_plus

import jwt

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_ASSERTION_SECONDS = 300


class Refused(Exception):
    """An error code of RFC 6749."""


@dataclass
class AuthorisationServer:
    """The server.

    Attributes:
        client_id: the client that is registered.
        secret: its secret; empty if it has none.
        keys: its public keys by name.
        scopes: what it may ask for.
        token_seconds: how long a token is valid; None: the server does not say, and it is valid until revoked.
        clock_ahead_seconds: its clock against ours.
        fails_with: answers of the token endpoint that come instead of tokens, one a request.
        names_token_endpoint: the SMART configuration is there.
    """

    client_id: str = "loader"
    secret: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    scopes: set[str] = field(default_factory=lambda: {"system/*.cruds"})
    token_seconds: float | None = 300
    clock_ahead_seconds: float = 0
    fails_with: list[int] = field(default_factory=list)
    names_token_endpoint: bool = True
    url: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    requests: list[dict[str, str]] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        """Base address of a FHIR server that asks for the tokens."""
        return f"{self.url}/fhir"

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.url}/token"

    def accepts(self, authorization: str | None) -> bool:
        """Tell whether a header holds a token that is valid now."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme == "Bearer" and self.tokens.get(token, 0) > time.monotonic()

    def revoke(self) -> None:
        """Accept none of the tokens any more."""
        self.tokens.clear()

    def issue(self, form: dict[str, str], authorization: str | None) -> dict[str, Any]:
        """Return the answer of the token endpoint.

        Raises:
            Refused: with the error code.
        """
        if form.get("grant_type") != "client_credentials":
            raise Refused("unsupported_grant_type")
        if "client_assertion" in form:
            self._check_assertion(form)
        elif self.secret == "" or authorization != _basic(self.client_id, self.secret):
            raise Refused("invalid_client")
        if not set(form.get("scope", "").split()) <= self.scopes:
            raise Refused("invalid_scope")
        token = secrets.token_urlsafe()
        self.tokens[token] = time.monotonic() + (self.token_seconds or 1e9)
        answer = {"access_token": token, "token_type": "bearer", "scope": form["scope"]}
        return answer | ({"expires_in": self.token_seconds} if self.token_seconds is not None else {})

    def _check_assertion(self, form: dict[str, str]) -> None:
        try:
            header = jwt.get_unverified_header(form["client_assertion"])
            key = self.keys[header["kid"]]
            claims = jwt.decode(
                form["client_assertion"],
                key,
                algorithms=["RS384", "ES384", "ES256"],
                audience=self.token_url,
                options={"verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise Refused("invalid_client") from error
        now = time.time() + self.clock_ahead_seconds
        is_current = now < claims["exp"] <= now + LONGEST_ASSERTION_SECONDS
        is_ours = claims["iss"] == claims["sub"] == self.client_id and form["client_assertion_type"] == JWT_BEARER
        if not is_current or not is_ours or claims["jti"] in self._used:
            raise Refused("invalid_client")
        self._used.add(claims["jti"])


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


@contextmanager
def serving(server: AuthorisationServer, *, tls: ssl.SSLContext | None = None) -> Iterator[AuthorisationServer]:
    """Let the server answer on a free port of this machine while the block runs, with TLS if a context is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            server.requests.append(form)
            if server.fails_with:
                self.answer(server.fails_with.pop(0), {"error": "unavailable"})
                return
            try:
                self.answer(200, server.issue(form, self.headers["Authorization"]))
            except Refused as error:
                echo = f"refused: {unquote_plus(body)} {self.headers['Authorization']}"
                self.answer(400, {"error": str(error), "error_description": echo})

        def do_GET(self) -> None:
            if self.path == "/fhir/.well-known/smart-configuration" and server.names_token_endpoint:
                self.answer(200, {"token_endpoint": server.token_url, "grant_types_supported": ["client_credentials"]})
            elif self.path == "/fhir/metadata" and server.accepts(self.headers["Authorization"]):
                self.answer(200, {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
            else:
                self.answer(401 if self.path == "/fhir/metadata" else 404, {"error": "no"})

        def answer(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response_only(status)
            self.send_header("Date", formatdate(time.time() + server.clock_ahead_seconds, usegmt=True))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_address[1]}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
