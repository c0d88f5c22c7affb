"""The first cost drivers, on the overview, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import BUSY, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

COMPARED = "received_from=2025-01-23&received_to=2025-02-03"
RANKED = ("category", "procedure", "diagnosis", "provider", "plan")


def test_the_first_cost_drivers_stand_on_the_overview_and_lead_to_the_ranking(page: Page) -> None:
    page.goto("/?received_from=2025-01-11")
    expect_claims(page, 3)
    drivers = page.locator("#top-drivers")
    expect(drivers.locator("[data-by=category] li").first).to_contain_text("office visit")
    expect(drivers.locator("[data-by=provider] li")).not_to_have_count(0)
    expect(drivers.get_by_label("SQL of Charges by diagnosis")).to_be_visible()
    drivers.get_by_role("button", name="By provider", exact=True).press("Enter")
    expect(page.locator("#bars li")).not_to_have_count(0)
    assert page.url.endswith("/?received_from=2025-01-11&tab=drivers&by=provider")
    expect(page.get_by_role("main")).to_be_focused()
    page.go_back()
    drivers.locator("[data-by=category] button", has_text="laboratory").click()
    expect(page).to_have_url(re.compile("category=laboratory"))


def test_a_ranking_that_the_server_cannot_answer_leaves_the_others(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route("**/api/stats/by-provider*", lambda route: route.fulfill(status=503, json=BUSY))
    page.goto("/")
    expect(page.locator("#top-drivers [data-by=provider]")).to_contain_text("Too much is asked at once.")
    expect(page.locator("#top-drivers [data-by=category] li")).not_to_have_count(0)
    expect(page.locator("#problem")).to_be_hidden()
    page.close()


def test_cost_drivers_of_earlier_filters_are_marked_until_the_new_ones_are_there(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    held: list[Route] = []
    page.route("**/api/stats/by-provider?*", lambda route: held.append(route))
    with page.expect_request("**/api/stats/by-provider?*"):
        page.get_by_role("checkbox", name="Draft").check()
    expect(page.locator("#top-drivers > [aria-busy]")).to_have_count(1)
    expect(page.locator("#figures .card", has_text="Claims").first.locator(".figure")).to_have_text("1")
    held[0].continue_()
    expect_claims(page, 1)
    expect(page.locator("#top-drivers > [aria-busy]")).to_have_count(0)


def test_they_are_ranked_by_what_a_person_chooses_and_back_undoes_it(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    drivers = page.locator("#top-drivers")
    choice = drivers.get_by_label("What Cost drivers shows")
    first = drivers.locator("[data-by=plan] li .number").first
    expect(first).to_have_text("$500.50 · 100.0%")
    choice.focus()
    page.keyboard.type("Claims", delay=20)
    expect(first).to_have_text("5 · 100.0%")
    expect(drivers).to_contain_text("Claims of every status.")
    expect(choice).to_be_focused()
    assert page.url.endswith("/?drivers=claim_count")
    choice.select_option("charge_pmpm")
    expect(drivers).to_contain_text("Charges divided by member months")
    page.reload()
    expect_claims(page, 5)
    expect(choice).to_have_value("charge_pmpm")
    page.go_back()
    expect(first).to_have_text("5 · 100.0%")
    expect(choice).to_have_value("claim_count")
    drivers.get_by_role("button", name="By procedure", exact=True).press("Enter")
    expect(page.locator("#bars li .number").first).to_have_text(re.compile("^4"))
    assert page.url.endswith("/?drivers=claim_count&tab=drivers&by=procedure&measure=claim_count")


def test_they_are_ranked_by_their_change_and_a_heading_leads_to_all_changes(page: Page) -> None:
    page.goto(f"/?{COMPARED}")
    expect_claims(page, 2)
    drivers = page.locator("#top-drivers")
    drivers.get_by_label("What Cost drivers shows").select_option("change")
    expect(drivers.locator(".diverging")).not_to_have_count(0)
    for by in RANKED:
        expect(drivers.locator(f"[data-by={by}] li .number").first).to_have_text(re.compile(r"^[+\u2212]\$"))
    expect(drivers).to_contain_text("Changes: Jan 23, 2025 to Feb 3, 2025 against")
    top = drivers.locator("[data-by=procedure] li").all_inner_texts()
    drivers.get_by_label("SQL of Change in charges by procedure").press("Enter")
    expect(drivers.locator("details[open] pre")).to_contain_text("before_amount")
    drivers.get_by_role("button", name="By procedure", exact=True).press("Enter")
    expect(page.locator("#measure")).to_have_value("change")
    expect_ready(page)
    assert page.locator("#bars li").all_inner_texts() == top


def test_without_days_to_compare_with_the_reason_is_said_once(page: Page) -> None:
    page.goto("/?drivers=change&compare=year")
    expect_claims(page, 5)
    drivers = page.locator("#top-drivers")
    expect(drivers).to_contain_text("nothing to compare with")
    expect(drivers.get_by_role("heading", name="By plan")).to_be_hidden()
    expect(drivers.get_by_text("A click on a row")).to_be_hidden()
    drivers.get_by_label("What Cost drivers shows").select_option("charge_amount")
    expect(drivers.get_by_role("heading", name="By plan")).to_be_visible()
    expect(drivers).not_to_contain_text("nothing to compare with")


def test_without_charges_on_either_side_it_is_said_once(page: Page) -> None:
    page.goto(f"/?{COMPARED}&status=cancelled&drivers=change")
    drivers = page.locator("#top-drivers")
    expect(drivers).to_contain_text(
        "There are no charges, neither in these days nor in those that they are compared with"
    )
    expect(drivers.get_by_role("heading", name="By plan")).to_be_hidden()


def test_a_search_for_patients_says_why_there_are_no_charges_for_each_member(page: Page) -> None:
    page.goto("/?patient=ana&drivers=charge_pmpm")
    expect(page.locator("#top-drivers")).to_contain_text(
        "Charges PMPM are not available while a patient filter is set."
    )


def test_only_they_are_asked_for_again_when_a_person_chooses_by_what(page: Page) -> None:
    page.goto("/")
    expect_ready(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(request.url.split("/api/")[1:]))
    page.get_by_label("What Cost drivers shows").select_option("claim_count")
    expect(page.locator("#top-drivers [data-by=plan] li .number").first).to_have_text("5 · 100.0%")
    expect_ready(page)
    assert asked == [f"stats/by-{by}?measure=claim_count&figures=claim_count&count=5" for by in RANKED]
    asked.clear()
    page.get_by_label("What Cost trend shows").select_option("charge_pmpm")
    expect(page.locator("[data-chart=cost-trend] .note").first).to_contain_text("for each member and month")
    expect_ready(page)
    assert asked == ["charts/cost-trend?trend=charge_pmpm"]


def test_a_choice_that_interrupts_another_shows_both(page: Page) -> None:
    page.goto("/")
    expect_ready(page)
    held: list[Route] = []
    page.route("**/api/stats/by-plan?measure=claim_count*", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/stats/by-plan?measure=claim_count*"):
        page.get_by_label("What Cost drivers shows").select_option("claim_count")
    expect(page.locator("#top-drivers > [aria-busy]")).to_have_count(1)
    page.get_by_label("What Cost trend shows").select_option("charge_pmpm")
    expect(page.locator("#top-drivers [data-by=plan] li .number").first).to_have_text("5 · 100.0%")
    expect(page.locator("[data-chart=cost-trend] .note").first).to_contain_text("for each member and month")


def test_a_link_that_ranks_by_what_is_not_in_the_list_ranks_by_charges_and_says_so(page: Page) -> None:
    page.goto("/?drivers=cost")
    expect_claims(page, 5)
    expect(page.get_by_text("The cost drivers cannot be ranked as the link says.")).to_be_visible()
    expect(page.locator("#top-drivers [data-by=plan] li .number").first).to_have_text("$500.50 · 100.0%")


@pytest.mark.parametrize(("width", "columns"), [(1920, [5]), (1280, [3, 2]), (390, [1, 1, 1, 1, 1])])
def test_the_rankings_take_the_width_that_there_is(page: Page, width: int, columns: list[int]) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/?drivers=change")
    expect_ready(page)
    tops = page.locator("#top-rankings > div").evaluate_all("all => all.map((one) => one.offsetTop)")
    assert [tops.count(top) for top in dict.fromkeys(tops)] == columns
    cut = "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator("#top-rankings button").evaluate_all(cut) == 0
