import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from claims_pipeline.fhir_access import without_tls
from claims_pipeline.orchestration.guard import WebPageGuard
from claims_pipeline_tests.dashboard.running import running


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(WebPageGuard)
    app.api_route("/{path:path}", methods=["GET", "POST", "PUT"])(lambda path: PlainTextResponse(f"answered {path}"))
    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    with running(app) as address, httpx.Client(base_url=address, trust_env=False, verify=without_tls()) as client:
        yield client


def test_a_name_that_is_not_the_loopbacks_is_refused(client: httpx.Client) -> None:
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 421
    assert client.get("/", headers={"Host": "localhost:3000"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9", "null", "http://hostile.example"])
def test_a_change_by_a_page_of_another_origin_is_refused(client: httpx.Client, origin: str) -> None:
    assert client.post("/graphql", headers={"Origin": origin}).status_code == 403
    assert client.put("/anything", headers={"Origin": origin}).status_code == 403


def test_a_change_by_the_own_page_or_by_a_program_is_let_through(client: httpx.Client) -> None:
    own = {"Origin": str(client.base_url).rstrip("/")}
    assert client.post("/graphql", headers=own).text == "answered graphql"
    assert client.post("/graphql").text == "answered graphql"


def test_graphql_over_get_is_refused_while_its_page_is_shown(client: httpx.Client) -> None:
    assert client.get("/graphql?query=x", headers={"Accept": "*/*"}).status_code == 405
    assert client.get("/graphql?query=x", headers={"Accept": "image/avif,*/*"}).status_code == 405
    assert client.get("/graphql", headers={"Accept": "text/html"}).text == "answered graphql"


def test_answers_may_not_be_shown_in_a_frame_elsewhere(client: httpx.Client) -> None:
    assert client.get("/").headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:3000"}, "websocket.accept"),
        ({"host": "127.0.0.1:3000"}, "websocket.accept"),
        ({"host": "127.0.0.1:3000", "origin": "http://127.0.0.1:9"}, "websocket.close"),
        ({"host": "rebound.example", "origin": "http://rebound.example"}, "websocket.close"),
    ],
)
def test_a_web_socket_is_open_to_the_own_page_only(headers: dict[str, str], outcome: str) -> None:
    assert asyncio.run(first_message(headers)) == outcome


async def first_message(headers: dict[str, str]) -> str:
    """What a server hears first about a web socket that is asked for with these headers."""
    sent: list[Message] = []

    async def accept(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await WebPageGuard(accept)({"type": "websocket", "path": "/graphql", "headers": raw}, receive, send)
    return str(sent[0]["type"])
