"""The page as a report on paper."""

from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

from claims_pipeline_tests.aggregate.example_lake import ANA
from claims_pipeline_tests.dashboard.pages import expect_ready, needs_chromium

pytestmark = needs_chromium

PAPER: ViewportSize = {"width": 740, "height": 980}
"""Letter in portrait with margins of one centimetre, in pixels of CSS."""


def style_of(place: Locator, name: str) -> str:
    return str(place.evaluate(f"one => getComputedStyle(one).{name}"))


def test_what_is_open_is_printed_whole_and_alone(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 300})
    page.goto(f"/?person={ANA}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Coverages")
    assert dialog.evaluate("one => one.scrollHeight > one.clientHeight")
    page.emulate_media(media="print")
    assert dialog.evaluate("one => one.scrollHeight <= one.clientHeight")
    assert style_of(dialog, "position") == "absolute"  # what is fixed is printed again on each page
    for hidden in ("main", "#filters", "dialog [data-close]", "dialog [data-only]"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_bars_and_dots_keep_their_colours_on_paper(page: Page) -> None:
    page.goto("/?tab=drivers")
    expect_ready(page)
    page.emulate_media(media="print")
    assert style_of(page.locator("#bars .measure").first, "printColorAdjust") == "exact"


def test_a_dark_page_is_printed_dark_on_light(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    expect(page.locator("#charts figure svg")).to_have_count(6)
    page.emulate_media(media="print", color_scheme="dark")
    assert style_of(page.locator("html"), "color") == "rgb(0, 0, 0)"
    assert style_of(page.locator("#look button, #changed button, a").first, "color") == "rgb(31, 97, 189)"
    assert "invert" in style_of(page.locator("#charts figure svg").first, "filter")


def test_a_table_is_as_wide_as_the_paper_and_its_numbers_are_whole(page: Page) -> None:
    page.set_viewport_size(PAPER)
    page.goto("/?tab=quality")
    expect(page.locator("#steps tbody tr")).to_have_count(6)
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER["width"]
    page.goto("/?tab=members")
    expect_ready(page)
    assert style_of(page.locator("td.number").first, "whiteSpace") == "nowrap"


def test_what_is_not_there_yet_is_not_printed(page: Page) -> None:
    page.goto("/")
    expect_ready(page)
    charts, look = page.locator("#charts figure"), page.get_by_role("heading", name="Worth a look")
    page.emulate_media(media="print")
    expect(charts.filter(visible=True)).to_have_count(6)
    expect(look).to_be_visible()
    page.emulate_media(media="screen")
    held: list[Route] = []
    page.route("**/api/charts/status*", lambda route: held.append(route))
    page.route("**/api/anomalies*", lambda route: held.append(route))
    with page.expect_request("**/api/charts/status*"):
        page.get_by_role("checkbox", name="Active").check()
    page.emulate_media(media="print")
    expect(charts.filter(visible=True)).to_have_count(0)
    expect(look).to_be_hidden()
    held.pop().continue_()
    expect(charts.filter(visible=True)).to_have_count(6)


def test_a_table_of_other_filters_is_not_printed(page: Page) -> None:
    page.goto("/?tab=members")
    expect_ready(page)
    held: list[Route] = []
    page.route("**/api/stats/by-diagnosis*", lambda route: held.append(route))
    with page.expect_request("**/api/stats/by-diagnosis*"):
        page.get_by_role("checkbox", name="Active").check()
    conditions = page.get_by_role("heading", name="Conditions")
    expect(page.locator("#by-diagnosis")).to_have_attribute("aria-busy", "true")
    page.emulate_media(media="print")
    expect(conditions).to_be_hidden()
    held.pop().continue_()
    expect(conditions).to_be_visible()
