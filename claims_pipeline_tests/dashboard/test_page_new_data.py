"""New data while a person reads: what is open stays open and what has the focus keeps it, in a real browser."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from claims_pipeline_tests.aggregate.example_lake import ANA, BEN
from claims_pipeline_tests.dashboard.pages import expect_ready, needs_chromium

pytestmark = needs_chromium

FOLDS = "details:is(.sql, :has(> summary[data-key^=meaning])) > summary"
FIRST_CLAIM = "claim-20250110-000000"


def bring_new_data(page: Page, place: str) -> None:
    """Let the page find another build, and wait until the folds of a place are made anew."""
    page.locator(f"{place} {FOLDS}").evaluate_all("all => all.forEach((one) => { one.dataset.before = ''; })")
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
    page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    expect(page.locator(f"{place} summary[data-before]")).to_have_count(0)
    expect_ready(page)


@pytest.mark.parametrize(
    ("tab", "place"),
    [
        ("overview", "#cards"),
        ("overview", "#changed"),
        ("overview", "#look-sql"),
        ("overview", "#top-drivers"),
        ("drivers", "[data-of=drivers]"),
        ("members", "[data-of=members]"),
        ("providers", "[data-of=providers]"),
    ],
)
def test_folds_that_are_open_stay_open(page: Page, tab: str, place: str) -> None:
    page.clock.install()
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    folds = page.locator(f"{place} {FOLDS}")
    count = folds.count()
    assert count > 0
    for index in range(0, count, 2):
        folds.nth(index).press("Enter")
    opened = folds.evaluate_all("all => all.map((one) => one.parentElement.open)")
    focused = page.locator(":focus").get_attribute("aria-label")
    bring_new_data(page, place)
    assert folds.evaluate_all("all => all.map((one) => one.parentElement.open)") == opened
    expect(page.locator(":focus")).to_have_attribute("aria-label", str(focused))


def test_the_sql_of_a_chart_stays_open(page: Page) -> None:
    page.clock.install()
    page.goto("/")
    expect_ready(page)
    chart = page.locator("[data-chart=gender]")
    chart.get_by_text("Figures").click()
    chart.get_by_text("SQL", exact=True).click()
    bring_new_data(page, "[data-chart=gender]")
    expect(chart.locator("pre")).to_be_visible()


@pytest.mark.parametrize(("place", "number"), [("#headline", 0), ("#headline", 2), ("#cards .card >> nth=1", 2)])
def test_a_query_keeps_the_focus(page: Page, place: str, number: int) -> None:
    page.clock.install()
    page.goto("/?received_from=2025-01-23&received_to=2025-02-03")
    expect_ready(page)
    page.locator(place).locator("details.sql > summary").click()
    query = page.locator(place).locator("pre").nth(number)
    query.focus()
    text = query.inner_text()
    held: list[Route] = []
    page.route(re.compile("/api/cards/trends"), lambda route: held.append(route))
    with page.expect_request("**/api/cards/trends*"):
        bring_new_cards(page)
    expect(query).to_be_focused()  # also while the trends are awaited
    held[0].continue_()
    expect_ready(page)
    expect(query).to_be_focused()
    assert query.inner_text() == text
    expect(page.locator(place).get_by_text("Over time, as the line shows")).to_have_count(3 if "head" in place else 1)


def bring_new_cards(page: Page) -> None:
    """Let the page find another build, and wait until the cards are made anew."""
    page.locator("#cards .card").evaluate_all("all => all.forEach((one) => { one.dataset.before = ''; })")
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
    page.clock.fast_forward("00:11")
    expect(page.locator("#cards .card[data-before]")).to_have_count(0)


@pytest.mark.parametrize("opened", [f"claim={FIRST_CLAIM}", f"person={ANA}", "practitioner=practitioner-0001"])
def test_folds_of_the_dialog_stay_as_they_are(page: Page, opened: str) -> None:
    """What the dialog shows has changed, so it is made anew."""
    page.clock.install()
    page.goto(f"/?tab=claims&{opened}")
    expect_ready(page)
    dialog = page.get_by_role("dialog")
    folds = dialog.locator("#detail-content > details > summary, #detail-content > .take summary")
    count = folds.count()
    assert count > 0
    folds.last.click()
    page.route(re.compile(r"/api/(claims|patients|providers)/[^/]+$"), with_another_address)
    bring_new_data(page, "#detail-content")
    expect(dialog).to_contain_text("http://other.example/fhir")
    states = folds.evaluate_all("all => all.map((one) => one.parentElement.open)")
    assert states == [False] * (count - 1) + [True]
    expect(folds.last).to_be_focused()


def test_the_figures_of_a_drawing_in_the_dialog_stay_as_they_are(page: Page) -> None:
    page.clock.install()
    page.goto(f"/?tab=claims&person={ANA}")
    expect_ready(page)
    figures = page.get_by_role("dialog").locator("figure details").first
    figures.get_by_text("Figures", exact=True).click()
    figures.get_by_label("SQL of timeline").click()
    claim = figures.get_by_role("button", name="Open claim").last
    claim.focus()
    page.route(re.compile(r"/api/patients/[^/]+$"), with_another_address)
    bring_new_data(page, "#detail-content > .take")
    expect(page.get_by_role("dialog")).to_contain_text("http://other.example/fhir")
    expect(claim).to_be_focused()
    expect(figures.locator("pre")).to_be_visible()
    expect(page.get_by_role("dialog").locator("svg.marks")).to_have_count(1)


def test_a_point_of_a_drawing_in_the_dialog_keeps_the_focus(page: Page) -> None:
    page.clock.install()
    page.goto(f"/?tab=claims&person={BEN}")
    points = page.get_by_role("dialog").locator("svg [aria-roledescription=point]")
    expect(points).to_have_count(2)
    points.first.focus()
    page.keyboard.press("ArrowRight")
    expect(points.last).to_be_focused()
    page.route(re.compile(r"/api/patients/[^/]+$"), with_another_address)
    bring_new_data(page, "#detail-content > .take")
    expect(page.get_by_role("dialog")).to_contain_text("http://other.example/fhir")
    expect(points.last).to_be_focused()
    expect(points.last).to_have_attribute("tabindex", "0")


def with_another_address(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | {"fhir_url": "http://other.example/fhir"})
