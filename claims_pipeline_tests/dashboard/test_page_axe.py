"""axe-core finds no violation of WCAG 2.2 A or AA on the page, in light and dark."""

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from claims_pipeline_tests.aggregate.example_lake import BEN
from claims_pipeline_tests.dashboard.pages import expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def violations(page: Page, *, without: str = "") -> str:
    results = Axe().run(page, options=RULES | {"rules": {without: {"enabled": False}} if without else {}})
    return results.generate_report() if results.violations_count else ""


def expect_no_violation_in_light_and_dark(page: Page) -> None:
    schemes: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
    for scheme, other in (schemes, schemes[::-1]):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(f".plot[data-scheme={other}]")).to_have_count(0)  # the drawings follow
        expect_ready(page)
        assert violations(page) == "", scheme


@pytest.mark.parametrize("tab", ["drivers", "members", "providers", "claims", "quality"])
def test_a_tab_has_no_violation(page: Page, tab: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    assert violations(page) == ""


PHONE: ViewportSize = {"width": 390, "height": 800}
PROVIDER = "/?tab=providers&practitioner=practitioner-0001"


def test_a_provider_has_no_violation(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(PROVIDER)
    expect(page.get_by_role("dialog")).to_contain_text("Mix of services")
    expect_no_violation_in_light_and_dark(page)
    page.set_viewport_size(PHONE)
    assert violations(page) == ""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_documentation_of_the_api_has_no_violation_of_ours(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/docs")
    expect(page.locator("#operations-figures-get_stats_api_stats_get")).to_be_visible()
    assert violations(page, without="nested-interactive") == ""  # the links in the buttons are Swagger UI's own


@pytest.mark.parametrize("tab", ["overview", "drivers", "members", "providers", "quality"])
def test_a_tab_on_a_phone_has_no_violation(page: Page, tab: str) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    assert violations(page) == ""


def test_the_cards_of_claims_on_a_phone_have_no_violation(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.emulate_media(reduced_motion="reduce")
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    assert violations(page) == ""


def test_the_page_has_no_violation(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/?state=TX&received_to=2025-02-03")
    expect_claims(page, 3)
    expect_no_violation_in_light_and_dark(page)


def test_a_claim_that_is_open_has_no_violation(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto("/?claim=claim-20250110-000000")
    expect(page.get_by_role("dialog")).to_contain_text("Complete blood count")
    expect_no_violation_in_light_and_dark(page)


def test_a_patient_with_the_timeline_has_no_violation(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/?tab=claims&person={BEN}")
    expect(page.get_by_role("dialog").locator("svg")).to_be_visible()
    expect_no_violation_in_light_and_dark(page)


def test_a_missing_label_is_found(page: Page) -> None:
    page.goto("/")
    page.locator("main").evaluate("main => main.append(document.createElement('input'))")
    assert "label - " in violations(page)
