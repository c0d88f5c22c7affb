"""Dagster as `claims up` starts it, its own page, and a web page of another origin that means harm."""

import json
import urllib.parse
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, sync_playwright

from claims_pipeline.ports import free_port
from claims_pipeline.settings import load_settings
from claims_pipeline.stack import services
from claims_pipeline_tests.dashboard.chromium import HOW_TO_GET_IT, chromium_path
from claims_pipeline_tests.dashboard.running import running

pytestmark = pytest.mark.browser

LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"


def mutation(key: str) -> str:
    """A mutation whose effect `limits` shows."""
    return f'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'


@pytest.fixture(scope="module")
def dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Dagster that was started as `claims up` starts it."""
    settings = load_settings(home=tmp_path_factory.mktemp("home"), dagster_port=free_port())
    service = next(service for service in services.services(settings) if service.name == "dagster")
    try:
        services.start(service, settings)
        yield service.url
    finally:
        services.stop(service, settings)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert chromium_path(), HOW_TO_GET_IT
    with sync_playwright() as playwright:
        names = "MAP rebound.example 127.0.0.1 , MAP hostile.example 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", f"--host-resolver-rules={names}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def hostile_page() -> Iterator[str]:
    app = FastAPI()
    app.get("/")(lambda: HTMLResponse("<!doctype html><title>hostile</title>"))
    with running(app) as address:
        yield address.replace("127.0.0.1", "hostile.example")


def limits(dagster: str) -> set[str]:
    answer = httpx.post(f"{dagster}/graphql", json={"query": LIMITS}, trust_env=False).raise_for_status().json()
    return {limit["concurrencyKey"] for limit in answer["data"]["instance"]["concurrencyLimits"]}


def test_a_page_of_another_origin_changes_and_reads_nothing(page: Page, hostile_page: str, dagster: str) -> None:
    page.goto(hostile_page)
    by_get = f"{dagster}/graphql?query={urllib.parse.quote(mutation('by-get'))}"
    by_form = f"{dagster}/graphql?query={urllib.parse.quote(mutation('by-form'))}"
    page.evaluate("url => fetch(url, {mode: 'no-cors'})", by_get)
    page.evaluate(
        "url => new Promise(done => { const i = new Image(); i.onerror = i.onload = done; i.src = url })", by_get
    )
    page.evaluate("url => fetch(url, {method: 'POST', mode: 'no-cors', body: 'text'})", by_form)
    state = page.evaluate(
        """url => new Promise(done => {
            const socket = new WebSocket(url, 'graphql-ws');
            socket.onopen = () => done('open');
            socket.onerror = () => done('refused');
        })""",
        dagster.replace("http", "ws", 1) + "/graphql",
    )

    assert state == "refused"
    assert not limits(dagster)


def test_a_page_that_points_its_own_name_here_gets_nothing(page: Page, dagster: str) -> None:
    answer = page.goto(dagster.replace("127.0.0.1", "rebound.example") + "/server_info")

    assert answer is not None
    assert answer.status == httpx.codes.MISDIRECTED_REQUEST
    assert "dagster_version" not in answer.text()


def test_no_page_elsewhere_shows_dagster_in_a_frame(page: Page, hostile_page: str, dagster: str) -> None:
    page.goto(hostile_page)
    page.evaluate(
        "url => new Promise(done => { const f = document.createElement('iframe'); f.src = url; f.onload = done;"
        "document.body.append(f) })",
        dagster,
    )

    assert [frame.url.startswith(dagster) for frame in page.frames] == [False, False]


def test_dagsters_own_page_works_and_hears_of_changes(page: Page, dagster: str) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{dagster}/assets")
    page.get_by_text("claims", exact=True).first.wait_for(timeout=60_000)

    status = page.evaluate(
        "query => fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'},"
        "body: JSON.stringify({query})}).then(answer => answer.status)",
        mutation("own-page"),
    )

    assert status == httpx.codes.OK
    assert limits(dagster) == {"own-page"}
    acknowledged = page.evaluate(
        """url => new Promise(done => {
            const socket = new WebSocket(url, 'graphql-ws');
            socket.onopen = () => socket.send('{"type": "connection_init"}');
            socket.onmessage = message => done(message.data);
            socket.onerror = () => done('{}');
        })""",
        dagster.replace("http", "ws", 1) + "/graphql",
    )
    assert json.loads(acknowledged) == {"type": "connection_ack"}
    assert sockets
