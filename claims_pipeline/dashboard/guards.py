"""Who may ask, and what a browser may do with the answer."""

import asyncio
import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claims_pipeline.dashboard.problems import problem
from claims_pipeline.errors import ConfigError
from claims_pipeline.origins import is_for_loopback
from claims_pipeline.ports import LOOPBACK
from claims_pipeline.settings import Settings

GUESS_SECONDS, GUESSES_WAITING = 0.5, 20
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # addresses of the page name patients
    "Cross-Origin-Resource-Policy": "same-origin",
}


def require_password_beyond_this_machine(settings: Settings) -> None:
    """Refuse to listen on an address that others reach without a password.

    Raises:
        ConfigError: the address is not this machine's own, and there is no password.
    """
    is_local = settings.dashboard_host in LOOPBACK or settings.dashboard_open
    if not is_local and not _password(settings):
        raise ConfigError(
            "others reach this address, so the dashboard needs a password",
            where=f"CLAIMS_DASHBOARD_HOST={settings.dashboard_host}",
            fix="set CLAIMS_DASHBOARD_PASSWORD, or listen on 127.0.0.1",
        )


def add_guards(app: FastAPI, settings: Settings) -> None:
    """Ask for the password if there is one, else answer only to this machine's own names; add security headers."""
    password = _password(settings)
    guesses = Guesses()

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = _refusal(request, password) if request.url.path != "/health" else None
        if refusal is not None and request.headers.get("Authorization"):
            refusal = await guesses.delayed(refusal)
        response = refusal or await call_next(request)
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", _caching(request.url.path))
        return response


class Guesses:
    """Wrong passwords: answered one after the other, each after `seconds`, and at most `waiting` at the same time.

    Who gives the right password waits for none of them.
    """

    def __init__(self, seconds: float = GUESS_SECONDS, waiting: int = GUESSES_WAITING) -> None:
        self._turn = asyncio.Lock()
        self._seconds = seconds
        self._places = waiting

    async def delayed(self, refusal: Response) -> Response:
        """Return the refusal after its turn; one that says "too many" at once if too many wait."""
        if not self._places:
            return problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many wrong passwords at once",
                where="CLAIMS_DASHBOARD_PASSWORD",
                fix="wait, then give the right one",
            )
        self._places -= 1
        try:
            async with self._turn:
                await asyncio.sleep(self._seconds)
        finally:
            self._places += 1
        return refusal


class AnswerHead:
    """Answers HEAD as GET without its body; FastAPI's routes know GET only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


def _caching(path: str) -> str:
    """Figures are not kept; a page is, but asked for each time: after an upgrade no one sees an old page."""
    return "no-store" if path == "/health" or path.startswith("/api/") else "no-cache"


def _refusal(request: Request, password: str) -> Response | None:
    if password:
        given = _given_password(request.headers.get("Authorization", ""))
        if secrets.compare_digest(given, password.encode()):
            return None
        answer = problem(
            HTTPStatus.UNAUTHORIZED,
            "a password is needed",
            where=f"{request.method} {request.url.path}",
            fix="HTTP basic authentication: any user name, and the password in CLAIMS_DASHBOARD_PASSWORD",
        )
        answer.headers["WWW-Authenticate"] = 'Basic realm="claims dashboard", charset="UTF-8"'
        return answer
    if is_for_loopback(request.headers.get("Host", "")):
        return None
    return problem(  # a page elsewhere that points its own name at this machine would read the figures otherwise
        HTTPStatus.MISDIRECTED_REQUEST,
        "without a password the dashboard answers only to 127.0.0.1 and localhost",
        where=f"Host: {request.url.hostname}",
        fix="open it as 127.0.0.1, or set CLAIMS_DASHBOARD_PASSWORD",
    )


def _password(settings: Settings) -> str:
    return settings.dashboard_password.get_secret_value() if settings.dashboard_password else ""


def _given_password(authorization: str) -> bytes:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
