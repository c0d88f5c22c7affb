"""What the figures mean, for whoever asks: in a real browser, from the keyboard and by touch."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from claims_pipeline.dashboard.cards import SHOWN
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline_tests.dashboard.pages import expect_claims, expect_ready, needs_chromium
from claims_pipeline_tests.dashboard.test_page_axe import violations

pytestmark = needs_chromium

PMPM = "Charges divided by member months"


def test_the_meaning_of_a_card_is_reached_from_the_keyboard_and_leads_to_all_meanings(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    card = page.locator("#cards .card", has_text="Charges PMPM")
    expect(card).to_contain_text("per member per month")
    expect(card.get_by_text(PMPM)).to_be_hidden()
    page.locator("#headline summary").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Meaning of Charges PMPM")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card.get_by_text(PMPM)).to_be_visible()
    assert violations(page) == ""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/figures#the-figures$"))
    expect(page.get_by_role("heading", name="The figures")).to_be_in_viewport()
    expect(page.get_by_role("row", name="charge_pmpm").first).to_contain_text(PMPM)


def test_each_card_says_what_it_means_when_it_is_touched(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address, has_touch=True, viewport={"width": 360, "height": 740})
    page.goto("/")
    expect_claims(page, 5)
    for meaning in page.get_by_text("Meaning", exact=True).all():
        meaning.tap()
    cards = page.locator("#cards")
    for name in SHOWN:
        if MEASURES[name].brief:
            expect(cards.get_by_text(MEASURES[name].meaning)).to_be_visible()
    expect(cards.get_by_text("that the costliest 5% of the patients")).to_be_visible()
    page.close()


def test_the_effects_of_the_change_say_what_they_mean(page: Page) -> None:
    page.goto("/?received_from=2025-01-23&received_to=2025-02-03")
    expect_ready(page)
    page.get_by_text("Meaning of members, use, mix and price").press("Enter")
    expect(page.locator("#effects")).to_contain_text("more or fewer services per member month")
    page.get_by_label("Against").select_option("year")
    expect(page.locator("#effects")).to_be_hidden()  # there is no change


def test_the_measure_that_is_ranked_says_what_it_means(page: Page) -> None:
    page.goto("/?tab=drivers&measure=charge_pmpm")
    expect(page.locator("#drivers-note")).to_contain_text(PMPM)


@pytest.mark.parametrize("tab", ["overview", "drivers", "members", "providers", "claims"])
def test_each_tab_with_figures_leads_to_what_they_mean(page: Page, tab: str) -> None:
    page.goto(f"/?tab={tab}")
    page.get_by_role("link", name="What each figure means").click()
    expect(page.get_by_role("heading", name="What each figure means")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_page_of_meanings_has_no_violation_in_light_and_dark_and_is_as_wide_as_the_window(
    page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/figures")
    page.emulate_media(color_scheme="light")
    assert violations(page) == ""
    page.emulate_media(color_scheme="dark")
    assert violations(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_of_meanings_is_kept_by_the_browser(client: httpx.Client) -> None:
    first = client.get("/figures")
    assert "<td>Charges PMPM</td>" in first.text
    again = client.get("/figures", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
