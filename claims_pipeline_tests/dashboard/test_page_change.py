"""Cost drivers ranked by the change in charges: from $150.00 of Texas to $150.50 of California."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from claims_pipeline.dashboard.dimensions import FILTERING
from claims_pipeline_tests.dashboard.pages import SHIFTS, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

COMPARED = "received_from=2025-01-23&received_to=2025-02-03"


def test_the_largest_changes_are_ranked_with_bars_to_both_sides_of_zero(page: Page) -> None:
    page.goto(f"/?tab=drivers&by=state&{COMPARED}")
    expect_claims(page, 2)
    page.get_by_label("Measure").focus()
    page.keyboard.type("Change", delay=20)
    rows = page.locator("#bars button")
    expect(rows).to_have_text(["CA+$150.50 · new", "TX−$150.00 · −100.0%"])  # noqa: RUF001 - the minus of figures
    expect(page.get_by_label("Measure")).to_be_focused()
    expect(page.locator("#drivers-note")).to_contain_text(
        "against Jan 11, 2025 to Jan 22, 2025. "
        "12 of these days are recent: the status of their claims may still change. "
        "Charges went from $150.00 to $150.50."
    )
    from_zero = """(bar) => [bar.getBoundingClientRect(), bar.parentElement.getBoundingClientRect()]
        .map(({ left, right }) => [left, right]).reduce(([left, right], [start]) => [left - start, right - start])"""
    (zero, _), (_, end_of_less) = (page.locator(f"#bars .{kind}").evaluate(from_zero) for kind in ("more", "less"))
    assert zero == pytest.approx(end_of_less, abs=1)
    assert page.url.endswith("&measure=change")


def test_a_link_opens_the_change_and_a_click_on_a_row_shows_only_its_claims(page: Page) -> None:
    page.goto(f"/?tab=drivers&by=state&measure=change&{COMPARED}")
    california = page.locator("#bars").get_by_role("button", name="CA")
    california.press("Enter")
    expect_claims(page, 1)
    expect(page.locator("#bars button")).to_have_count(1)
    expect(california).to_be_focused()
    page.go_back()
    expect(page.locator("#bars button")).to_have_count(2)
    page.get_by_label("Measure").select_option("Claims")
    expect(page.locator("#bars button").first).to_contain_text("50.0%")
    page.go_back()
    expect(page.locator("#bars button").first).to_contain_text("new")


def test_a_value_without_charges_before_and_after_is_not_new(page: Page) -> None:
    def without_charges(route: Route) -> None:
        answer = route.fetch().json()
        for one in answer["items"]:
            one["before_amount"] = one["after_amount"] = 0
        route.fulfill(json=answer)

    page.route("**/api/what-changed*", without_charges)
    page.goto(f"/?tab=drivers&by=state&measure=change&{COMPARED}")
    expect_ready(page)
    expect(page.locator("#bars button")).to_have_count(2)
    expect(page.locator("#bars")).not_to_contain_text("new")


def test_the_change_is_taken_away_as_the_other_measures_are(page: Page) -> None:
    page.goto(f"/?tab=drivers&by=state&measure=change&{COMPARED}")
    away = page.locator("#drivers-away")
    with page.expect_download() as download:
        away.get_by_role("button", name="CSV").click()
    assert download.value.path().read_text().splitlines() == [
        "state,label,before_amount,after_amount,change_amount,change_percent",
        "CA,CA,0,150.5,150.5,",
        "TX,TX,150,0,-150,-100",
    ]
    away.get_by_text("SQL").click()
    expect(away.locator("pre")).to_contain_text("order by abs(change) desc")


def test_every_dimension_that_filters_has_a_change(page: Page) -> None:
    page.goto(f"/?tab=drivers&measure=change&{COMPARED}")
    for name, dimension in FILTERING.items():
        page.get_by_label("Dimension").select_option(name)
        expect(page.locator("#driven-title")).to_have_text(f"What changed by {dimension.title.lower()}")
        expect(page.locator(f"#bars [data-dimension={name}]")).not_to_have_count(0)


def test_where_there_is_no_change_the_reason_is_said_once(page: Page) -> None:
    for query, reason in [
        ("by=state&compare=year", "the lake has no claims from before Jan 10, 2025"),
        ("by=state&patient=brown", "A search for patients chooses no members"),
        ("by=status", "The status decides which charges count"),
        ("by=month", "The change in charges compares two ranges of days"),
    ]:
        page.goto(f"/?tab=drivers&measure=change&{COMPARED}&{query}")
        expect(page.locator("#drivers-note")).to_contain_text(reason)
        expect(page.locator("#bars li"), query).to_have_count(0)
        expect(page.locator("main").get_by_text(reason).locator("visible=true")).to_have_count(1)


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_while_the_change_arrives(browser: Browser, address: str, width: int) -> None:
    page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
    page.add_init_script(SHIFTS)
    page.goto(f"/?tab=drivers&by=state&measure=change&{COMPARED}")
    expect_ready(page)
    expect(page.locator("#bars .diverging")).to_have_count(2)
    assert page.evaluate("window.shift") < 0.1
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
