"""Sends an OAuth 2.0 access token with each request of an HTTP client, and renews it; token_request.py asks for it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field

import httpx

from claims_pipeline.fhir_access.token_request import OAuthClient, Token, discover, request_token


@dataclass
class OAuth(httpx.Auth):
    """Sends an access token with each request: renewed before it expires, and once when the server refuses it."""

    client: OAuthClient
    _token: Token | None = None
    _token_url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorise a request of a synchronous client."""
        token = self._current()
        response = yield _authorised(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield _authorised(request, self._current(refused=token))

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Authorise a request of an asynchronous client; a thread waits for the token, others send with the old."""
        token = self._token if self._token and self._token.is_fresh else await asyncio.to_thread(self._current)
        response = yield _authorised(request, token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield _authorised(request, await asyncio.to_thread(self._current, refused=token))

    def _current(self, refused: Token | None = None) -> Token:
        """Return a token that is not about to expire, and not the one that was refused; one thread asks for it.

        Raises:
            ConfigError: the token endpoint is neither https nor on this machine.
            FhirError: the authorisation server gives us none.
            TokenUnavailable: it did not answer.
        """
        with self._lock:
            if self._token is None or self._token is refused or not self._token.is_fresh:
                self._token = None
                self._token_url = self._token_url or self.client.token_url or discover(self.client)
                self._token = request_token(self.client, self._token_url)
            return self._token


def _authorised(request: httpx.Request, token: Token) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {token.value}"
    return request
