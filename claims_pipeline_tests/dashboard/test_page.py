"""The page in a real browser, without any network but our own address."""

from playwright.sync_api import Page, expect

from claims_pipeline_tests.aggregate.example_lake import BEN
from claims_pipeline_tests.dashboard.pages import expect_claims, figure, needs_chromium, offer_two_rows

pytestmark = needs_chromium


def test_the_page_shows_figures_charts_and_claims(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    assert [figure(page, name) for name in ("Claims", "Charges", "Average charge", "Patients")] == [
        "5",
        "$500.50",
        "$166.83",
        "3",
    ]
    expect(page.locator("#charts figure svg")).to_have_count(6)
    expect(page.locator("#scope")).to_contain_text("charges add up active claims only")
    expect(page.locator("#build")).to_contain_text("Received Jan 10, 2025 to Feb 3, 2025")
    expect(page.locator("#build")).to_contain_text("FHIR server: no load reported")


def test_the_charts_marks_have_labels_with_their_figures(page: Page) -> None:
    page.goto("/")
    months = page.locator("[data-chart=claims-timeline] svg")
    expect(months.get_by_label("Jan 10, 2025: 1 active claims", exact=True)).to_have_count(1)
    trend = page.locator("[data-chart=cost-trend] svg")
    expect(trend.get_by_label("Jan 10, 2025: $200.00, 1 claims")).to_have_count(1)
    expect(trend.locator(".mark-area path")).to_have_count(1)
    procedures = page.locator("[data-chart=top-procedures] svg")
    expect(
        procedures.get_by_label("99213 Office visit, established patient, 20-29 minutes: 4 service lines, $280.00")
    ).to_have_count(1)


def test_a_status_filter_changes_everything_shown_and_the_address(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_role("checkbox", name="Draft").check()
    expect_claims(page, 1)
    assert page.url.endswith("/?status=draft")
    assert figure(page, "Charges") == "$140.00"
    expect(page.locator("#scope")).to_contain_text("those of draft claims, as chosen")
    expect(page.locator("[data-chart=cost-trend] figcaption")).to_contain_text("charges of draft claims")
    expect(page.locator("[data-chart=status] svg").get_by_label("Draft: 1 claims, 100.0%")).to_have_count(1)


def test_back_and_forward_lead_through_the_filters(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_role("checkbox", name="Cancelled").check()
    expect_claims(page, 1)
    page.get_by_label("Received from").fill("2025-02-01")
    page.keyboard.press("Enter")
    expect_claims(page, 0)
    page.go_back()
    expect_claims(page, 1)
    expect(page.get_by_label("Received from")).to_have_value("")
    page.go_back()
    expect_claims(page, 5)
    expect(page.get_by_role("checkbox", name="Cancelled")).not_to_be_checked()
    page.go_forward()
    expect_claims(page, 1)


def test_a_link_opens_with_its_filters(page: Page) -> None:
    page.goto(f"/?tab=claims&status=active&received_from=2025-02-01&patient={BEN}&sort=claim_id")
    expect_claims(page, 1)
    expect(page.get_by_role("checkbox", name="Active")).to_be_checked()
    expect(page.get_by_label("Received from")).to_have_value("2025-02-01")
    expect(page.get_by_role("combobox", name="Patient")).to_have_value(BEN)
    expect(page.get_by_role("columnheader", name="Claim")).to_have_attribute("aria-sort", "ascending")


def test_typing_a_name_filters_by_patient_and_clearing_shows_all(page: Page) -> None:
    page.goto("/?tab=claims")
    page.get_by_role("combobox", name="Patient").press_sequentially("brow", delay=20)
    expect_claims(page, 2)
    assert page.url.endswith("/?tab=claims&patient=brow")
    page.get_by_role("button", name="Clear filters").click()
    expect_claims(page, 5)
    expect(page.get_by_role("combobox", name="Patient")).to_have_value("")


def test_the_name_in_a_row_opens_the_patient_whose_claims_are_one_click_farther(page: Page) -> None:
    page.goto("/?tab=claims&received_from=2025-02-01")
    expect_claims(page, 2)
    page.get_by_role("button", name="Ben Brown").click()
    expect(page.get_by_role("dialog")).to_contain_text("Coverages")
    assert page.url.endswith("&person=patient-000002")
    page.get_by_role("button", name="Only this patient's claims").click()
    expect_claims(page, 1)
    assert page.url.endswith("?tab=claims&received_from=2025-02-01&patient=patient-000002")


def test_the_table_is_sorted_from_the_keyboard(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_claims(page, 5)
    page.get_by_role("button", name="Charge", exact=True).focus()
    page.keyboard.press("Enter")
    header = page.get_by_role("columnheader", name="Charge")
    expect(header).to_have_attribute("aria-sort", "ascending")
    charges = page.locator("#claims tbody td.number")
    expect(charges.first).to_have_text("$140.00")
    page.get_by_role("button", name="Charge", exact=True).click()
    expect(header).to_have_attribute("aria-sort", "descending")
    expect(charges.first).to_have_text("$200.00")


def test_pages_of_the_table_keep_the_filters(page: Page) -> None:
    offer_two_rows(page)
    page.goto("/?tab=claims&count=2&sort=claim_id&status=active&status=draft")
    expect(page.locator("#range")).to_have_text("1 to 2 of 4")
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#range")).to_have_text("3 to 4 of 4")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_role("button", name="First").click()
    expect(page.locator("#range")).to_have_text("1 to 2 of 4")


def test_the_figures_behind_a_chart_are_a_table(page: Page) -> None:
    page.goto("/")
    chart = page.locator("[data-chart=cost-trend]")
    chart.get_by_text("Figures", exact=True).click()
    expect(chart.locator("tbody tr").first).to_have_text("Jan 10, 2025$200.001$200.00$3,100.00")


def test_no_day_moves_west_of_greenwich(page: Page) -> None:
    page.goto("/?tab=claims&sort=claim_id&count=25")
    expect(page.locator("#claims tbody tr").first).to_contain_text("Jan 10, 2025")
