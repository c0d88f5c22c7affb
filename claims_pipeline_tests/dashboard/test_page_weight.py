"""What the first visit of the page takes from the network."""

from playwright.sync_api import Browser, Request

from claims_pipeline.dashboard import create_app
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.pages import expect_ready, needs_chromium
from claims_pipeline_tests.dashboard.running import running

pytestmark = needs_chromium

MOST_BYTES = 450_000


def test_the_overview_with_its_charts_takes_at_most_450_kb(
    browser: Browser, lake: Lake, example_settings: Settings
) -> None:
    settings = example_settings.model_copy(update={"home": lake.root.parent})
    requests: list[Request] = []
    with running(create_app(settings)) as address:
        page = browser.new_page(base_url=address)
        page.on("requestfinished", lambda request: requests.append(request))
        page.goto("/")
        expect_ready(page)
        page.wait_for_load_state("networkidle")
        sizes = {request.url.removeprefix(address): request.sizes()["responseBodySize"] for request in requests}
        page.close()

    assert {"/", "/api/cards", "/api/charts/claims-timeline"} <= {url.partition("?")[0] for url in sizes}
    assert any(url.endswith("/vega.js") for url in sizes)
    assert sum(sizes.values()) <= MOST_BYTES, sizes
