"""The chips: every filter of the address in words, each taken back by a click."""

import pytest
from playwright.sync_api import Browser, Page, expect

from claims_pipeline_tests.dashboard.pages import SHIFTS, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

EVERY_FILTER = "status=active&status=draft&received_from=2025-01-11&received_to=2025-02-03&patient=a&state=TX"
CHIPS = [
    "Status: active",
    "Status: draft",
    "Received: Jan 11, 2025 to Feb 3, 2025",
    "Patient: a",
    "State: TX",
]


def test_every_filter_of_a_link_is_a_chip_and_what_is_no_filter_is_not(page: Page) -> None:
    page.goto(f"/?{EVERY_FILTER}&basis=service&compare=year&trend=charge_pmpm&by=state&measure=claim_count")
    expect(page.locator("#chips button")).to_contain_text(CHIPS)
    expect(page.locator("#chips button").first).to_have_accessible_name("Remove Status: active")


def test_a_filter_that_is_typed_or_chosen_becomes_a_chip_that_takes_it_back(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    expect(page.locator("#chips")).to_have_text("All claims")
    page.get_by_role("combobox", name="Patient").press_sequentially("brow", delay=20)
    page.get_by_label("Received from").focus()
    page.keyboard.type("02012025", delay=20)
    expect_claims(page, 1)
    page.get_by_role("checkbox", name="Active").check()
    chips = page.locator("#chips button")
    expect(chips).to_contain_text(["Status: active", "Received: from Feb 1, 2025", "Patient: brow"])
    page.get_by_role("button", name="Remove Received: from Feb 1, 2025").click()
    expect_claims(page, 2)
    expect(page.get_by_label("Received from")).to_have_value("")
    page.get_by_role("button", name="Remove Patient: brow").click()
    expect_claims(page, 3)
    expect(page.get_by_role("combobox", name="Patient")).to_have_value("")
    page.get_by_role("button", name="Remove Status: active").click()
    expect_claims(page, 5)
    expect(page.get_by_role("checkbox", name="Active")).not_to_be_checked()
    assert page.url.endswith("/?tab=claims")


def test_back_and_forward_lead_through_chips_that_are_removed(page: Page) -> None:
    page.goto("/?tab=claims&status=active&status=draft&received_from=2025-01-11")
    expect_claims(page, 3)
    page.get_by_role("button", name="Remove Received").click()
    expect_claims(page, 4)
    page.get_by_role("button", name="Remove Status: active").click()
    expect_claims(page, 1)
    page.go_back()
    expect(page.locator("#chips button")).to_contain_text(["Status: active", "Status: draft"])
    page.go_back()
    expect_claims(page, 3)
    expect(page.locator("#chips button")).to_have_count(3)
    page.go_forward()
    expect_claims(page, 4)
    expect(page.locator("#chips button")).to_have_count(2)


def test_days_that_have_a_name_are_called_by_it(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.locator("#preset").select_option("last full month")
    expect(page.locator("#chips button")).to_contain_text(["Received: last full month"])
    page.emulate_media(media="print")
    expect(page.locator("#printed")).to_have_text("Received: Jan 1, 2025 to Jan 31, 2025.")
    expect(page.locator("#chips")).to_be_hidden()


def test_a_day_that_is_clicked_is_named_once(page: Page) -> None:
    page.goto("/?tab=drivers&by=day")
    page.locator("#bars").get_by_role("button", name="Feb 3, 2025").click()
    expect(page.locator("#chips button")).to_have_accessible_name("Remove Received: Feb 3, 2025")


def test_the_focus_goes_to_the_next_chip_then_to_the_one_before_then_to_what_clears(page: Page) -> None:
    page.goto("/?tab=claims&status=active&state=TX&gender=female")
    page.get_by_role("button", name="Remove State: TX").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Gender: female")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Status: active")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Clear filters")).to_be_focused()
    expect_claims(page, 5)


def test_on_a_phone_chips_are_in_sight_and_the_focus_goes_to_what_opens_the_filters(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 740})
    page.goto(f"/?tab=claims&{EVERY_FILTER}")
    expect(page.locator("#chips button")).to_contain_text(CHIPS)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for _ in CHIPS:
        count = page.locator("#chips button").count()
        page.locator("#chips button").first.press("Enter")
        expect(page.locator("#chips button")).to_have_count(count - 1)
    expect(page.get_by_role("button", name="Filters", exact=True)).to_be_focused()


@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_does_not_move_when_the_first_chip_appears(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    page.goto("/?tab=drivers&by=state")
    expect_ready(page)
    place = "document.getElementById('tabs').offsetTop"
    before = page.evaluate(place)
    page.locator("#bars button").first.press("Enter")
    expect(page.locator("#chips button")).to_have_count(1)
    assert page.evaluate(place) == before
    page.goto(f"/?{EVERY_FILTER}")
    expect_ready(page)
    expect(page.locator("#chips button")).to_contain_text(CHIPS)
    assert page.evaluate("window.shift") < 0.1
    page.close()


def test_a_filter_that_does_not_count_is_no_chip(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/?tab=claims&status=denied&received_from=2031-01-01&gender=female")
    expect_claims(page, 3)
    expect(page.locator("#chips button")).to_contain_text(["Gender: female"])
    page.get_by_role("button", name="Remove Gender: female").click()
    expect(page.locator("#chips")).to_have_text("All claims")
    expect(page.locator("#printed")).to_have_text("All claims.")
    page.close()
