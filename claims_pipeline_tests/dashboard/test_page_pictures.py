"""Pictures of the bars that the page makes itself: what changed, and the rankings of Cost drivers."""

from playwright.sync_api import Browser, Page, expect

from claims_pipeline_tests.dashboard.pages import expect_ready, needs_chromium

pytestmark = needs_chromium

PNG = b"\x89PNG\r\n"


def saved(page: Page, title: str, file_format: str) -> bytes:
    """Save a picture by a click, and return it."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {title} as {file_format}", exact=True).click()
    return download.value.path().read_bytes()


def test_what_changed_is_saved_as_a_picture_with_its_amounts(page: Page) -> None:
    page.goto("/?received_from=2025-01-23&received_to=2025-02-03")

    svg = saved(page, "What changed", "SVG").decode()

    assert svg.startswith("<svg")
    begins = page.locator("#changed-note").inner_text().rpartition("to the cent. ")[2]
    assert begins.startswith("Bars begin at $")
    parts = ["Before", "$150.00", "Members", "Use", "Mix", "Price", "After", "$150.50"]
    for text in ["What changed", "against Jan 11", begins, *parts]:
        assert text in svg
    assert saved(page, "What changed", "PNG").startswith(PNG)
    page.get_by_label("Against").select_option("year")
    expect(page.get_by_role("button", name="Save What changed as SVG")).to_have_count(0)  # there is nothing to draw


def test_a_ranking_is_saved_as_a_picture_on_a_tab_without_charts(page: Page) -> None:
    page.goto("/?tab=drivers&by=plan&received_from=2025-01-23&received_to=2025-02-03")
    expect_ready(page)

    by_charges = saved(page, "Charges by plan", "SVG").decode()
    page.get_by_label("Measure").select_option("Change in charges")
    by_change = saved(page, "Change in charges by plan", "SVG").decode()

    for text in ["Charges by plan", "Charges of the active claims"]:
        assert text in by_charges
    for text in ["Change in charges by plan", "against Jan"]:
        assert text in by_change


def test_a_picture_that_cannot_be_drawn_says_so(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route("**/vega.js", lambda route: route.abort())
    page.goto("/?tab=drivers&by=plan")

    page.get_by_role("button", name="Save Charges by plan as PNG").click()

    expect(page.locator("#drivers-away")).to_contain_text("Not saved: the script that draws the charts did not load.")
    page.close()
