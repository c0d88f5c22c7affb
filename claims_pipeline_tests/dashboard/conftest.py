from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from claims_pipeline import aggregate
from claims_pipeline.dashboard import create_app
from claims_pipeline.dashboard.analytics import Analytics, View
from claims_pipeline.dashboard.bundle import vega_bundle
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import write_example_lake
from claims_pipeline_tests.dashboard.chromium import chromium_path
from claims_pipeline_tests.dashboard.generated_lake import END, FEED, START
from claims_pipeline_tests.dashboard.running import client_of, running
from claims_pipeline_tests.once_a_run import made_once

Start = Callable[..., httpx.Client]
WITHOUT_OWN_PAGES = (
    "--disable-features=InitialWebUI,PreloadTopChromeWebUI,WebUIReloadButton,WebUIToolbar,"
    "WebUIOmniboxPopup,WebUIOmniboxFullPopup,WebUIOmniboxAimPopup"
)
"""Let Chromium draw no pages for its own bars, which nobody sees: they take as much CPU as the pages of the tests.

It replaces Playwright's list, which is about requests to other machines and about what the dashboard does not have.
"""
ANALYTICS = "analytics.duckdb"
FAILED_REQUEST = "Failed to load resource"
"""How Chromium's message about a request that failed begins."""

expect.set_options(timeout=30_000)  # the page draws beside the tests of other workers


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the script of the charts."""
    return made_once(tmp_path_factory, "dashboard-cache", lambda _: None)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start an app and return a client of it."""
    with ExitStack() as running:
        yield lambda app, **options: running.enter_context(client_of(app, **options))


@pytest.fixture(scope="session")
def example_settings(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Settings:
    def build(home: Path) -> None:
        settings = Settings(home=home)
        aggregate.build(write_example_lake(settings.lake_path), settings.analytics_path)

    return Settings(home=made_once(tmp_path_factory, "dashboard-example", build), cache=cache)


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The generated lake; its analytics are beside it."""

    def build(home: Path) -> None:
        lake = Lake(home / "lake")
        generate_range(lake, FEED, start=START, end=END)
        aggregate.build(lake, home / ANALYTICS)

    return Lake(made_once(tmp_path_factory, "dashboard-generated", build) / "lake")


@pytest.fixture(scope="session")
def view(lake: Lake) -> View:
    """The analytics of the generated lake."""
    return Analytics(lake.root.with_name(ANALYTICS)).view()


@pytest.fixture(scope="session")
def app(example_settings: Settings) -> FastAPI:
    return create_app(example_settings)


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[httpx.Client]:
    """The dashboard over the example lake."""
    with client_of(app) as client:
        yield client


@pytest.fixture
def empty_client(tmp_path: Path, cache: Path, start: Start) -> httpx.Client:
    """The dashboard before the first build."""
    return start(create_app(Settings(home=tmp_path, cache=cache)))


OWN_HOSTS = ("127.0.0.1", "claims.example")
"""Of the dashboard, and of one that is read from another machine."""


@pytest.fixture(scope="module")  # Playwright keeps an event loop running, which others must not find in theirs
def chromium(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Browser]:
    made_once(tmp_path_factory, "dashboard-script", lambda _: vega_bundle(cache))  # else each worker makes it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", WITHOUT_OWN_PAGES],
        )
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser; an error or warning on the console of any page fails the test, and so does a request elsewhere.

    A request that fails, as a test may want it, is on the console too and does not.
    """
    wrong: list[str] = []

    def watch(context: BrowserContext) -> None:
        context.on("console", lambda message: wrong.append(message.text) if _is_wrong(message) else None)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", lambda request: wrong.append(request.url) if _leads_elsewhere(request) else None)

    chromium.on("context", watch)
    yield chromium
    chromium.remove_listener("context", watch)
    assert wrong == []


def _is_wrong(message: ConsoleMessage) -> bool:
    return message.type in {"error", "warning"} and not message.text.startswith(FAILED_REQUEST)


def _leads_elsewhere(request: Request) -> bool:
    return not request.url.startswith("data:") and urlsplit(request.url).hostname not in OWN_HOSTS


@pytest.fixture(scope="session")
def address(app: FastAPI) -> Iterator[str]:
    with running(app) as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """An empty page; a request that fails fails the test."""
    context = browser.new_context(base_url=address, timezone_id="America/Los_Angeles", locale="en-US")
    page = context.new_page()
    failed: list[str] = []
    page.on("console", lambda said: failed.append(said.text) if said.text.startswith(FAILED_REQUEST) else None)
    yield page
    context.close()
    assert failed == []
