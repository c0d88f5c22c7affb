"""Who may ask, and what a browser may do with the answer."""

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response

from claims_pipeline.dashboard.problems import problem
from claims_pipeline.errors import ConfigError
from claims_pipeline.ports import LOOPBACK
from claims_pipeline.settings import Settings

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
    if settings.dashboard_host not in LOOPBACK and not _password(settings):
        raise ConfigError(
            "others reach this address, so the dashboard needs a password",
            where=f"CLAIMS_DASHBOARD_HOST={settings.dashboard_host}",
            fix="set CLAIMS_DASHBOARD_PASSWORD, or listen on 127.0.0.1",
        )


def add_guards(app: FastAPI, settings: Settings) -> None:
    """Ask for the password if there is one, else answer only to this machine's own names; add security headers."""
    password = _password(settings)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = _refusal(request, password) if request.url.path != "/health" else None
        response = refusal or await call_next(request)
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", _caching(request.url.path))
        return response


def _caching(path: str) -> str:
    """Figures are not kept; the page's files are, but asked for each time: after an upgrade nobody sees an old page."""
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
    if request.url.hostname in LOOPBACK:
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
