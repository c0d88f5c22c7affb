"""The drawn timeline of a patient's page, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from claims_pipeline_tests.aggregate.example_lake import BEN
from claims_pipeline_tests.dashboard.pages import SHIFTS, expect_ready, needs_chromium

pytestmark = needs_chromium

FIRST, SECOND = "claim-20250110-000001", "claim-20250203-000001"


def test_a_click_on_a_point_opens_the_claim_and_back_leads_to_the_drawing(page: Page) -> None:
    page.goto(f"/?person={BEN}")
    drawing = page.get_by_role("dialog").locator("svg")
    point = drawing.get_by_label(f"Feb 3, 2025: {SECOND}, active, $150.50, I10 Essential hypertension")
    expect(drawing.get_by_label("Plan: Jan 16, 2025 to Dec 31, 2025")).to_be_visible()
    point.hover()
    expect(page.get_by_role("dialog").locator(".vg-tooltip.visible")).to_contain_text("I10 Essential hypertension")
    point.click()
    expect(page.locator("#detail-title")).to_have_text(SECOND)
    assert page.url.endswith(f"/?claim={SECOND}")
    page.go_back()
    expect(page.locator("#detail-title")).to_have_text("Ben Brown")
    expect(point).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/$"))
    page.go_back()
    expect(point).to_be_visible()


def test_the_points_are_one_stop_of_the_tab_key_and_enter_opens_one(page: Page) -> None:
    page.goto(f"/?person={BEN}")
    first, second = (page.get_by_role("dialog").locator("svg").get_by_label(f": {name}") for name in (FIRST, SECOND))
    expect(first).to_be_visible()
    page.get_by_role("button", name="Only this patient's claims").focus()
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    expect(first).to_have_role("button")
    expect(page.get_by_role("dialog").locator(".vg-tooltip.visible")).to_contain_text(FIRST)
    page.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog").get_by_text("Figures")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(second).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.locator("#detail-title")).to_have_text(FIRST)
    expect(page.get_by_role("button", name="Close")).to_be_focused()


def test_the_figures_of_the_drawing_are_a_table_with_sql_and_files(page: Page) -> None:
    page.goto(f"/?tab=claims&person={BEN}")
    figures = page.get_by_role("dialog").locator("figure details").first
    expect(page.get_by_role("dialog").locator("svg")).to_be_visible()
    figures.get_by_text("Figures", exact=True).click()
    for name, begins in (("SVG", b"<svg"), ("CSV", b"Claim,Service,Status,Diagnosis,Charges\r\n")):
        with page.expect_download() as download:
            figures.get_by_role("button", name=name).click()
        assert download.value.suggested_filename == f"timeline.{name.lower()}"
        assert download.value.path().read_bytes().startswith(begins)
    figures.get_by_text("SQL", exact=True).click()
    expect(figures.locator("pre")).to_contain_text(f"where patient_id = '{BEN}'")
    figures.get_by_role("button", name=f"Open {FIRST}").click()
    expect(page.locator("#detail-title")).to_have_text(FIRST)


@pytest.mark.parametrize("width", [1440, 390])
def test_the_drawing_fits_and_moves_nothing(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    page.goto(f"/?tab=claims&person={BEN}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("svg")).to_be_visible()
    expect_ready(page)
    assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth")
    assert page.evaluate("window.shift") < 0.1
    page.close()


def test_the_text_of_a_point_lies_over_the_dialog_and_within_the_page(page: Page) -> None:
    page.goto(f"/?tab=claims&person={BEN}")
    text = page.get_by_role("dialog").locator(".vg-tooltip.visible")
    for width in (1440, 700, 390):
        page.mouse.move(0, 0)
        expect(text).to_have_count(0)
        page.set_viewport_size({"width": width, "height": 900})
        page.get_by_role("dialog").locator("svg").get_by_label(f": {FIRST}").hover()
        expect(text.locator(".value")).to_contain_text(
            [FIRST, "Jan 10, 2025", "active", "I10 Essential hypertension", "$200.00"]
        )
        box = text.bounding_box()
        assert box is not None
        assert box["x"] >= 0, width
        assert box["x"] + box["width"] <= width
        assert box["height"] < 200, width


def test_the_drawing_follows_the_colours_of_the_page(page: Page) -> None:
    page.goto(f"/?person={BEN}")
    label = page.get_by_role("dialog").locator("svg text").first
    light = label.get_attribute("fill")
    page.emulate_media(color_scheme="dark")
    expect(label).not_to_have_attribute("fill", str(light))


def test_a_drawing_that_fails_leaves_the_rest_of_the_page(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.route(re.compile("vega.js"), lambda route: route.fulfill(status=500))
    page.goto(f"/?tab=claims&person={BEN}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("figure")).to_contain_text("The script that draws the charts did not load.")
    expect(dialog.get_by_role("button", name=FIRST)).to_be_visible()
    page.close()


def test_a_drawing_that_cannot_be_asked_leaves_the_rest_of_the_page(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    busy: dict[str, object] = {"message": "too much is asked at once", "where": None, "fix": None, "parameters": {}}
    page.route("**/timeline", lambda route: route.fulfill(status=503, json=busy))
    page.goto(f"/?tab=claims&person={BEN}")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("figure")).to_have_text("TimelineToo much is asked at once.")
    expect(dialog.get_by_role("button", name=FIRST)).to_be_visible()
    page.close()


@pytest.mark.parametrize("is_drawn_anew", [True, False])
def test_a_point_keeps_the_focus_when_the_drawing_is_renewed(page: Page, is_drawn_anew: bool) -> None:
    page.clock.install()
    page.goto(f"/?tab=claims&person={BEN}")
    dialog = page.get_by_role("dialog")
    first, second = (dialog.locator("svg").get_by_label(f": {name}") for name in (FIRST, SECOND))
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(second).to_be_focused()
    if is_drawn_anew:
        page.emulate_media(color_scheme="dark")
        expect(dialog.locator(".plot")).to_have_attribute("data-scheme", "dark")
    else:
        page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
        page.evaluate(
            "document.querySelector('#detail figure details').replaceChildren(document.createElement('summary'))"
        )
        page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    expect(dialog.locator("figure pre")).to_have_count(1)
    expect(second).to_be_focused()
    expect(second).to_have_attribute("tabindex", "0")
    expect(first).to_have_attribute("tabindex", "-1")
