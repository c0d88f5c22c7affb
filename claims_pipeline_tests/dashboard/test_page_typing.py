"""The page under the hands of a person: fields typed key by key, the focus, and what a screen reader is told."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import SHIFTS, expect_claims, expect_ready, needs_chromium, offer_two_rows

pytestmark = needs_chromium


def test_a_day_can_be_typed_digit_by_digit(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_label("Received from").focus()
    page.keyboard.type("02012025", delay=60)
    expect_claims(page, 2)
    expect(page.get_by_label("Received from")).to_have_value("2025-02-01")
    expect(page.get_by_label("Received from")).to_be_focused()
    assert page.url.endswith("/?received_from=2025-02-01")
    page.go_back()
    expect_claims(page, 5)


def test_a_day_of_a_year_without_data_is_named_and_does_not_count(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    page.get_by_label("Received from").focus()
    page.keyboard.type("02012031", delay=20)
    expect(page.locator("#wrong-received_from")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("#wrong-received_from")).to_contain_text("from Jan 10, 2025 to Feb 3, 2025")
    expect_claims(page, 5)
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#wrong-received_from")).to_be_hidden()
    expect(page.get_by_label("Received from")).to_have_value("")


def test_a_day_is_applied_when_the_field_is_left(page: Page) -> None:
    page.goto("/?tab=claims&received_from=2025-02-01")
    expect_claims(page, 2)
    field = page.get_by_label("Received from")
    field.focus()
    page.keyboard.type("02012031", delay=20)
    expect(page.locator("#wrong-received_from")).to_be_hidden()
    leave(page, "received_from")
    expect(page.locator("#wrong-received_from")).to_contain_text("this day does not count")
    expect_claims(page, 5)
    assert page.url.endswith("received_from=2031-02-01")

    field.focus()
    for _ in range(3):  # month, day, year
        page.keyboard.press("Backspace")
        page.keyboard.press("ArrowRight")
    leave(page, "received_from")
    expect(page).to_have_url(re.compile("tab=claims$"))
    expect(page.locator("#wrong-received_from")).to_be_hidden()


def leave(page: Page, name: str) -> None:
    """Press Tab until a field does not have the focus: the parts of a day are stops of their own."""
    while page.evaluate("document.activeElement.name") == name:
        page.keyboard.press("Tab")


@pytest.mark.parametrize("name", ["received_from", "received_to"])
def test_a_day_of_a_year_without_data_does_not_count_from_a_link_either(page: Page, name: str) -> None:
    page.goto(f"/?tab=claims&state=TX&{name}={2031 if name.endswith('from') else 1999}-02-01")
    expect_claims(page, 3)
    expect(page.locator(f"#wrong-{name}")).to_contain_text("from Jan 10, 2025 to Feb 3, 2025: this day does not count")
    expect(page.locator(f"[name={name}]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#printed")).to_have_text("State: TX.")
    page.get_by_role("checkbox", name="Draft").check()
    expect_claims(page, 1)
    expect(page.locator(f"#wrong-{name}")).to_be_visible()


def test_days_in_the_wrong_order_are_told_at_the_field_and_the_figures_stay(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/?received_from=2025-02-01&received_to=2025-01-11&status=active")
    expect(page.locator("#wrong-received_to")).to_contain_text("The first day is later than the last")
    expect(page.locator("#printed")).to_have_text("Status: active.")
    expect(page.locator("#figures")).to_be_visible()
    expect(page.locator("#charts figure svg")).to_have_count(6)
    page.close()


def test_of_a_day_that_a_link_has_twice_the_first_counts(page: Page) -> None:
    page.goto("/?tab=claims&received_from=2025-02-01&received_from=2025-01-01&status=active&status=draft")
    expect_claims(page, 2)
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize(
    "query", ["utm_source=x", "utm_source=x&fbclid=1", "sort=npi", "count=many", "offset=-1", "after=zzz"]
)
def test_a_parameter_that_is_wrong_or_somebody_elses_changes_nothing(
    browser: Browser, address: str, query: str
) -> None:
    page = browser.new_page(base_url=address)
    page.goto(f"/?tab=drivers&{query}")
    expect_claims(page, 5)
    expect(page.get_by_role("alert")).to_be_hidden()
    page.close()


def test_the_focus_stays_on_the_heading_that_sorts_and_the_order_is_said(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    heading = page.get_by_role("button", name="Charge", exact=True)
    heading.focus()
    for order in ("ascending", "descending"):
        page.keyboard.press("Enter")
        expect(page.locator("#announcement")).to_have_text(f"Claims 1 to 5 of 5, sorted by Charge, {order}")
        expect(heading).to_be_focused()


def test_the_focus_stays_on_next_also_at_the_end_and_the_part_is_said(page: Page) -> None:
    offer_two_rows(page)
    page.goto("/?tab=claims&count=2")
    following = page.get_by_role("button", name="Next")
    following.focus()
    expect(page.locator("#range")).to_have_text("1 to 2 of 5")
    for said in ("3 to 4 of 5", "5 to 5 of 5"):
        page.keyboard.press("Enter")
        expect(page.locator("#announcement")).to_contain_text(said)
        expect(following).to_be_focused()
    page.keyboard.press("Enter")
    expect(following).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#range")).to_have_text("5 to 5 of 5")


def test_paging_leads_to_the_end_and_back(page: Page) -> None:
    offer_two_rows(page)
    page.goto("/?tab=claims&count=2")
    page.get_by_role("button", name="Last").click()
    expect(page.locator("#range")).to_have_text("5 to 5 of 5")
    page.get_by_role("button", name="Previous").click()
    expect(page.locator("#range")).to_have_text("3 to 4 of 5")
    page.reload()
    expect(page.locator("#range")).to_have_text("3 to 4 of 5")
    page.get_by_role("button", name="First").click()
    expect(page.locator("#range")).to_have_text("1 to 2 of 5")


def test_the_focus_goes_to_the_content_when_the_name_that_opened_the_dialog_goes_away(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    page.get_by_role("button", name="Cleo Chan").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Only this patient's claims").press("Enter")
    expect_claims(page, 1)
    expect(page.get_by_role("main")).to_be_focused()


def test_new_data_keep_the_focus_and_are_said(page: Page) -> None:
    page.clock.install()
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    name = page.get_by_role("button", name="Cleo Chan")
    name.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="claim-2025").first.press("Enter")
    expect(dialog).to_contain_text("Versions")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()  # not lost with the name that led here
    fhir = dialog.get_by_text("FHIR JSON")
    fhir.click()
    expect(dialog.locator(".fhir pre")).to_contain_text("resourceType")
    dialog.evaluate("one => { one.scrollTop = 150; }")
    page.route("**/api/stats*", _built_later)
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
    page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    expect(page.locator("#announcement")).to_have_text("New data are shown.")
    expect(fhir).to_be_focused()
    expect(dialog.locator(".fhir pre")).to_contain_text("resourceType")
    assert dialog.evaluate("one => one.scrollTop") == 150
    page.keyboard.press("Escape")
    expect(name).to_be_visible()


def _built_later(route: Route) -> None:
    answer: dict[str, Any] = route.fetch().json()
    answer["build"]["built_at"] = "2030-01-01T00:00:00Z"
    route.fulfill(json=answer)


TABS = ("overview", "drivers", "members", "providers", "claims", "quality")


@pytest.mark.parametrize("tab", TABS)
def test_nothing_that_has_the_focus_is_behind_what_stays_in_sight(page: Page, tab: str) -> None:
    """WCAG 2.4.11: tab through the whole page, and back."""
    page.set_viewport_size({"width": 1000, "height": 500})
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    reached = 0
    for key in ["Tab"] * 45 + ["Shift+Tab"] * 30:
        page.keyboard.press(key)
        seen = page.evaluate(
            """() => {
                const focused = document.activeElement, {left, top, width, height} = focused.getBoundingClientRect();
                if (focused === document.body || focused.closest("#filters, .skip, header")) return null;
                const shares = [0.1, 0.5, 0.9];
                return shares.some((x) => shares.some((y) => {
                    const there = document.elementFromPoint(left + x * width, top + y * height);
                    return there && (focused.contains(there) || there.contains(focused));
                }));
            }"""
        )
        assert seen is not False, page.evaluate("document.activeElement.outerHTML")
        reached += seen is True
    assert reached > 10


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("tab", TABS)
def test_nothing_moves_while_a_tab_fills(browser: Browser, address: str, tab: str, width: int) -> None:
    page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    expect(page.locator(f"[data-of={tab}]").first).to_be_visible()
    assert page.evaluate("window.shift") < 0.1
    page.close()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize(
    ("tab", "asked", "heading"),
    [
        ("drivers", "**/api/stats/by-specialty*", "What makes up"),
        ("members", "**/api/stats/by-plan*", "Members by plan"),
        ("providers", "**/api/stats/by-specialty*", "Specialties"),
        ("claims", "**/api/claims*", "Claims"),
        ("quality", "**/api/pipeline", "What the pipeline did last"),
    ],
)
def test_a_tab_shows_where_its_figures_will_stand(
    browser: Browser, address: str, tab: str, asked: str, heading: str, width: int
) -> None:
    page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    held: list[Route] = []
    page.route(asked, lambda route: held.append(route))
    with page.expect_request(asked):
        page.goto(f"/?tab={tab}")
    card = page.locator(f"[data-of={tab}] .card:visible, #claims:visible, #drivers:visible").first
    expect(card.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    box = card.bounding_box()
    assert box is not None
    assert box["height"] > 400
    for route in held:
        route.continue_()
    expect_ready(page)
    assert page.evaluate("window.shift") < 0.1
    page.close()


def test_the_answer_of_a_proxy_is_told_as_such(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.route(
        "**/api/**", lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>")
    )
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text(
        "Something between this page and the dashboard answered with HTTP 502"
    )
    page.close()


def test_the_charts_over_time_can_count_by_day_of_service(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_label("Charts by").select_option("service")
    expect(page.locator("[data-chart=claims-timeline] figcaption")).to_contain_text("of service")
    assert page.url.endswith("/?basis=service")
    page.go_back()
    expect(page.locator("[data-chart=claims-timeline] figcaption")).to_contain_text("of receipt")


def test_the_documentation_needs_no_network_and_can_be_read_in_the_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/docs")
    expect(page.get_by_text("Claims in their current version")).to_be_visible()
    assert page.locator("#swagger-ui").evaluate("one => getComputedStyle(one).filter") == "invert(1) hue-rotate(180deg)"


def test_a_click_in_the_ranking_filters_and_a_chip_takes_it_back(page: Page) -> None:
    page.goto("/?tab=drivers&by=state")
    expect_claims(page, 5)
    texas = page.locator("#bars").get_by_role("button", name="TX")
    expect(texas).to_contain_text("$150.00 · 30.0%")
    texas.click()
    expect_claims(page, 3)
    assert page.url.endswith("by=state&state=TX")
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("[data-chart=geography] svg").get_by_label("CA: 0 claims")).to_have_count(1)
    page.go_back()
    expect(texas).to_be_visible()
    page.get_by_role("button", name="Remove State: TX").click()
    expect_claims(page, 5)
    page.go_back()
    expect_claims(page, 3)
    page.get_by_role("button", name="Clear filters").click()
    expect_claims(page, 5)


def test_the_ranking_goes_by_any_dimension_and_measure(page: Page) -> None:
    page.goto("/?tab=drivers")
    expect(page.locator("#bars")).to_contain_text("Family medicine")
    page.get_by_label("Dimension").select_option("Procedure")
    expect(page.locator("#bars button").first).to_contain_text("$280.00")
    page.get_by_label("Measure").select_option("Average charge")
    expect(page.locator("#drivers-note")).to_contain_text('Lines have no "Average charge": Claims instead.')


def test_a_claim_opens_with_its_lines_and_closes_with_escape(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    opener = page.get_by_role("button", name="claim-20250110-000000")
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("99213 Office visit, established patient")
    expect(dialog).to_contain_text("cancelled")
    assert page.url.endswith("?tab=claims&claim=claim-20250110-000000")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    page.go_back()
    expect(dialog).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    page.locator("#claims tbody tr").first.get_by_role("cell").nth(1).click()  # a row opens its claim too
    expect(dialog).to_be_visible()


def test_the_downloads_follow_the_filters(page: Page) -> None:
    page.goto("/?tab=claims&status=active")
    expect_claims(page, 3)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "claims.csv"
    assert len(download.value.path().read_text().splitlines()) == 4
