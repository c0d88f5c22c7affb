"""Guard in front of Dagster's webserver, which has no password and would run mutations for any page in a browser."""

from http import HTTPMethod, HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claims_pipeline.origins import is_cross_origin, is_for_loopback

SAFE_METHODS = frozenset({HTTPMethod.GET, HTTPMethod.HEAD, HTTPMethod.OPTIONS})


class WebPageGuard:
    """ASGI middleware that refuses what a web page of another origin can make a browser send.

    It refuses names other than the loopback's, changes and web sockets of another origin, and GraphQL over GET, which
    an image on any page can ask for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that must not pass, and hand on every other."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif refusal := _refusal(scope):
            await _refuse(refusal, scope, receive, send)
        else:
            await self._app(scope, receive, _without_frames(send))


def _refusal(scope: Scope) -> tuple[HTTPStatus, str] | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    method = scope.get("method", "websocket")
    if not is_for_loopback(host):
        return HTTPStatus.MISDIRECTED_REQUEST, "Dagster answers only to 127.0.0.1 and localhost here"
    if method not in SAFE_METHODS and is_cross_origin(headers.get("origin"), host):
        return HTTPStatus.FORBIDDEN, "a web page of another origin may not use Dagster"
    if method in SAFE_METHODS and scope["path"].endswith("/graphql") and "text/html" not in headers.get("accept", ""):
        return HTTPStatus.METHOD_NOT_ALLOWED, "GraphQL is asked with POST here"
    return None


async def _refuse(refusal: tuple[HTTPStatus, str], scope: Scope, receive: Receive, send: Send) -> None:
    status, reason = refusal
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await PlainTextResponse(f"{reason}\n", status)(scope, receive, send)


def _without_frames(send: Send) -> Send:
    """Forbid that a page elsewhere shows Dagster in a frame and lets its visitor click there."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
        await send(message)

    return send_with_header
