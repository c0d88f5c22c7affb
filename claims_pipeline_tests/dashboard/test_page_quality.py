"""The tab Pipeline and quality in Chromium: the lake against the FHIR server, and links to Dagster."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import needs_chromium

pytestmark = needs_chromium

ELSEWHERE = "http://claims.example"
CLAIM = "/?tab=claims&claim=claim-20250110-000001"


@pytest.fixture
def elsewhere(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the dashboard that is read from another machine, by a name of the dashboard's."""

    def forward(route: Route) -> None:
        headers = route.request.headers | {"host": urlsplit(address).netloc}
        route.fulfill(response=route.fetch(url=route.request.url.replace(ELSEWHERE, address), headers=headers))

    context = browser.new_context(base_url=ELSEWHERE)
    context.route(f"{ELSEWHERE}/**", forward)
    yield context.new_page()
    context.close()


def link_to(place: Page | Locator) -> Callable[[str], Locator]:
    """Return what finds a link by a part of its address."""
    return lambda address: place.locator(f"a[href*='{address}']")


def test_the_lake_is_shown_beside_the_ledger_and_the_server(page: Page) -> None:
    page.goto("/?tab=quality")
    claims = page.locator("#held tbody tr").last

    expect(page.locator("#held th")).to_have_text(["Resource type", "Difference", "Lake", "Ledger", "FHIR server"])
    expect(claims.locator("td")).to_have_text(
        ["Claim", "Not loaded yet Try: claims load", "5", "\N{EN DASH}", "\N{EN DASH}"]
    )


def test_a_step_and_a_check_lead_to_dagster(page: Page) -> None:
    page.goto("/?tab=quality")
    page.get_by_role("button", name="Run them now").click()
    check = page.get_by_role("link", name="claims current agrees with the lake")

    expect(check).to_have_attribute(
        "href",
        "http://127.0.0.1:3000/assets/claims_current?view=checks&checkDetail=claims_current_agrees_with_the_lake",
    )
    expect(page.locator("#model-checks")).to_contain_text(
        "It has as many claims as the lake's files, with the same sum of charges."
    )
    expect(page.locator("#dagster a")).to_have_attribute("href", "http://127.0.0.1:3000")
    expect(page.get_by_role("link", name="Dagster: Aggregates built")).to_be_visible()
    days, comparison = page.locator("#behind a"), page.locator("#compared-at a")
    expect(days).to_have_attribute("href", "http://127.0.0.1:3000/assets/claims")
    expect(comparison).to_have_attribute("href", "http://127.0.0.1:3000/assets/fhir_load?view=checks")


def test_a_page_of_another_machine_links_to_no_server_of_the_dashboards_own(elsewhere: Page) -> None:
    elsewhere.goto("/?tab=quality")
    elsewhere.get_by_role("button", name="Run them now").click()
    expect(elsewhere.locator("#model-checks")).to_contain_text("claims current agrees with the lake")

    expect(elsewhere.locator("#dagster")).to_have_text("http://127.0.0.1:3000 (on the machine of the dashboard)")
    expect(link_to(elsewhere)("127.0.0.1")).to_have_count(0)

    elsewhere.goto(CLAIM)
    expect(elsewhere.get_by_role("dialog")).to_contain_text("/fhir/Claim/claim-20250110-000001 (on the machine of")
    expect(link_to(elsewhere)("127.0.0.1")).to_have_count(0)


def test_a_page_of_the_dashboards_machine_links_to_the_fhir_server(page: Page) -> None:
    page.goto(CLAIM)
    expect(link_to(page.get_by_role("dialog"))("127.0.0.1:8080/fhir/Claim/claim-20250110-000001")).to_be_visible()
