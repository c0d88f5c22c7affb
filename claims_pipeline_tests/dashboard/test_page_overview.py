"""The overview in a real browser: search, changes, charts, cards."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import BUSY, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium


def test_a_name_typed_into_the_search_box_opens_the_patient_and_leads_to_the_claims(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    box = page.get_by_role("combobox", name="Search")
    box.focus()
    page.keyboard.type("BROWN, b", delay=20)
    expect(page.locator("#found [role=option]")).to_contain_text(["Ben Brown"])
    page.keyboard.press("ArrowDown")
    expect(page.locator("#found [role=option]").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Ben Brown")
    assert page.url.endswith("/?person=patient-000002")
    page.get_by_role("button", name="Only this patient's claims").click()
    expect_claims(page, 2)
    assert page.url.endswith("/?patient=patient-000002&tab=claims")
    page.go_back()
    expect(page.get_by_role("dialog")).to_contain_text("Ben Brown")
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect_claims(page, 5)


def test_a_part_of_a_claims_id_opens_the_claim_and_escape_closes_the_list(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    box = page.get_by_role("combobox", name="Search")
    box.press_sequentially("no such thing", delay=5)
    expect(page.locator("#found [role=option]")).to_contain_text("Try a part of an id")
    page.keyboard.press("Escape")
    expect(page.locator("#found")).to_be_hidden()
    box.fill("")
    box.press_sequentially("0203-000001", delay=5)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("claim-20250203-000001")


def test_a_code_typed_into_the_search_box_filters_by_it(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_role("combobox", name="Search").focus()
    page.keyboard.type("99213", delay=20)
    expect(page.locator("#found [role=option]").first).to_contain_text("99213")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?procedure=99213$"))
    expect_claims(page, 4)


def test_the_name_of_a_provider_typed_into_the_search_box_opens_the_provider(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.get_by_role("combobox", name="Search").focus()
    page.keyboard.type("dora dia", delay=20)
    expect(page.locator("#found [role=option]")).to_contain_text(["Dora Diaz"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Dora Diaz")
    expect(page.get_by_role("dialog")).to_contain_text("Family medicine")
    assert page.url.endswith("/?practitioner=practitioner-0001")


@pytest.mark.parametrize(("state", "said"), [("good", "FHIR server loaded"), ("bad", "FHIR server load failed")])
def test_the_header_says_when_the_fhir_server_was_loaded_last(page: Page, state: str, said: str) -> None:
    def with_a_load(route: Route) -> None:
        answer: dict[str, Any] = route.fetch().json()
        [load] = [one for one in answer["steps"] if one["kind"] == "load"]
        load |= {"finished_at": "2025-02-04T02:30:00Z", "state": state}
        route.fulfill(json=answer)

    page.route("**/api/pipeline", with_a_load)
    page.goto("/")
    expect(page.locator("#loaded")).to_have_text(re.compile(f"^{said} Feb 3, 2025, 6:30.PM$"))  # in Los Angeles


def test_the_change_in_charges_is_split_to_the_cent_and_follows_the_comparison(page: Page) -> None:
    page.goto("/?received_from=2025-01-23&received_to=2025-02-03")
    expect(page.locator("#changed-note")).to_contain_text("from $150.00 to $150.50")
    expect(page.locator("#waterfall li")).to_have_count(6)
    expect(page.locator("#compared")).to_contain_text("against Jan 11, 2025 to Jan 22, 2025")
    page.get_by_label("Against").select_option("year")
    expect(page.locator("#compared")).to_contain_text("nothing to compare with")
    assert "compare=year" in page.url
    expect(page.locator("#waterfall li")).to_have_count(0)


def test_a_click_on_a_mark_of_a_chart_shows_only_its_claims(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#charts figure svg")).to_have_count(6)
    for chart, mark, query, count in [
        ("claims-timeline", "Jan 11, 2025: 1 active claims", "received_from=2025-01-11&received_to=2025-01-11", 1),
        ("status", "Cancelled: 1 claims, 20.0%", "status=cancelled", 1),
        ("cost-trend", "Feb 3, 2025: $150.50, 1 claims", "received_from=2025-02-03&received_to=2025-02-03", 2),
        ("gender", "Male: 2 claims, 40.0%", "gender=male", 2),
        ("top-procedures", "85025 Complete blood count", "procedure=85025", 2),
        ("geography", "CA: 2 claims", "patient_state=CA", 2),
    ]:
        page.locator(f"[data-chart={chart}] svg").get_by_label(mark).first.click(force=True)  # a label may lie over it
        expect(page, chart).to_have_url(re.compile(re.escape(f"/?{query}") + "$"))
        expect_claims(page, count)
        page.go_back()
        expect(page, chart).to_have_url(re.compile("/$"))
        expect_claims(page, 5)
        expect_ready(page)  # the charts too have followed


def test_the_values_of_a_chart_are_chosen_from_the_keyboard(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.locator("#changed").focus()
    for chart, value, query, count in [
        ("claims-timeline", "Feb 3, 2025", "received_from=2025-02-03&received_to=2025-02-03", 2),
        ("status", "Cancelled", "status=cancelled", 1),
        ("cost-trend", "Feb 3, 2025", "received_from=2025-02-03&received_to=2025-02-03", 2),
        ("gender", "Male", "gender=male", 2),
        ("top-procedures", "85025", "procedure=85025", 2),
        ("geography", "CA", "patient_state=CA", 2),
    ]:
        figures = page.locator(f"[data-chart={chart}] details")
        _tab_to(page, figures.locator("summary").first)
        page.keyboard.press("Enter")
        _tab_to(page, figures.get_by_role("button", name=f"Only claims of {value}").first)
        page.keyboard.press("Enter")
        expect(page, chart).to_have_url(re.compile(re.escape(f"/?{query}") + "$"))
        expect_claims(page, count)
        expect(figures.locator(":focus"), chart).to_have_count(1)  # the next Tab goes on from there
        page.go_back()
        expect(page, chart).to_have_url(re.compile("/$"))
        expect_claims(page, 5)
        expect_ready(page)  # the charts too have followed


def _tab_to(page: Page, place: Locator) -> None:
    for _ in range(150):
        page.keyboard.press("Tab")
        if place.evaluate("one => one === document.activeElement"):
            return
    raise AssertionError(f"the Tab key does not reach {place}")


def test_the_cost_trend_shows_charges_pmpm_when_a_person_chooses_them(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    chart = page.locator("[data-chart=cost-trend]")
    choice = chart.get_by_label("What Cost trend shows")
    choice.focus()
    page.keyboard.type("Charges P", delay=20)
    expect(chart.locator(".note").first).to_contain_text("for each member and month")
    expect_claims(page, 5)
    expect(choice).to_be_focused()
    assert page.url.endswith("/?trend=charge_pmpm")
    page.reload()
    expect_claims(page, 5)
    expect(choice).to_have_value("charge_pmpm")
    expect(chart.get_by_text("$3k", exact=True)).to_be_visible()  # of the axis; the charges end at $200
    page.get_by_role("button", name="Clear filters").click()
    expect(choice).to_have_value("charge_amount")
    expect_claims(page, 5)


def test_only_the_chart_is_asked_for_again_when_a_person_chooses_what_it_draws(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#charts")).not_to_have_attribute("aria-busy", "true")
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(request.url.split("/api/")[1:]))
    chart = page.locator("[data-chart=cost-trend]")
    chart.get_by_label("What Cost trend shows").select_option("charge_pmpm")
    expect(chart.locator(".note").first).to_contain_text("for each member and month")
    expect(page.locator("#charts")).not_to_have_attribute("aria-busy", "true")
    assert asked == ["charts/cost-trend?trend=charge_pmpm"]


def test_a_link_to_what_the_cost_trend_cannot_draw_shows_charges_and_says_so(page: Page) -> None:
    page.goto("/?trend=cost")
    expect_claims(page, 5)
    expect(page.get_by_text("The cost trend cannot draw what the link says.")).to_be_visible()
    expect(page.locator("[data-chart=cost-trend] svg").get_by_label("Jan 10, 2025: $200.00")).to_have_count(1)


def test_the_cost_trend_shows_charges_that_are_chosen_again_while_another_measure_is_drawn(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.evaluate("""() => {
        const draw = window.vegaEmbed;
        window.vegaEmbed = (...all) => {
            window.vegaEmbed = draw;
            const choice = document.querySelector("[data-chart=cost-trend] select");
            choice.value = "charge_amount";
            choice.dispatchEvent(new Event("change"));
            return draw(...all);
        };
    }""")
    chart = page.locator("[data-chart=cost-trend]")
    chart.get_by_label("What Cost trend shows").select_option("charge_pmpm")
    expect(page).to_have_url(re.compile(r"/$"))
    expect_ready(page)
    expect(chart.locator("svg").get_by_label("Jan 10, 2025: $200.00")).to_have_count(1)
    expect(chart.locator(".note").first).not_to_contain_text("for each member and month")


def test_the_trends_of_the_cards_are_asked_for_again_after_a_change_that_interrupted_them(page: Page) -> None:
    held: list[Route] = []
    page.route("**/api/cards/trends*", lambda route: held.append(route), times=1)
    with page.expect_request("**/api/cards/trends*"):
        page.goto("/")
    expect(page.locator("#cards")).to_contain_text("Charges PMPM")
    page.get_by_label("What Cost trend shows").select_option("charge_pmpm")
    expect_claims(page, 5)
    expect(page.locator("#cards .sparkline polyline")).to_have_count(6)


def test_a_figure_without_meaning_is_a_dash_in_the_tooltip(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    page.locator("[data-chart=geography] svg").get_by_label("AK: 0 claims").first.hover(force=True)
    expect(page.locator("#vg-tooltip-element")).to_contain_text("PMPM")
    assert "null" not in page.locator("#vg-tooltip-element").inner_text()


def test_the_figures_are_shown_before_what_takes_longer(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    held: list[Route] = []
    page.route("**/api/cards?*", lambda route: held.append(route))
    page.get_by_role("checkbox", name="Draft").check()
    expect(page.locator("#figures .card", has_text="Claims").first.locator(".figure")).to_have_text("1")
    expect(page.locator("main")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect_claims(page, 1)


def open_without_vega(page: Page) -> list[Route]:
    """Open the page and return the request of the script that draws the charts, which waits for its answer."""
    held: list[Route] = []
    page.route("**/vega.js", lambda route: held.append(route))
    with page.expect_request("**/vega.js"):
        page.goto("/", wait_until="commit")
    return held


def test_what_lies_below_is_asked_for_when_the_first_screen_is_there(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    held: list[Route] = []
    page.route("**/api/what-changed*", lambda route: held.append(route))
    with page.expect_response("**/api/cards"):
        page.goto("/")
    below = re.compile(r"/api/(charts|anomalies|cards/trends|stats/)")
    assert not [url for url in asked if below.search(url)]
    held[0].continue_()
    expect_claims(page, 5)
    assert (
        len([url for url in asked if below.search(url)]) == 6 + 10
    )  # the charts; trends, cost drivers, what is worth a look


def test_the_first_screen_does_not_wait_for_the_charts_below_it(page: Page) -> None:
    held = open_without_vega(page)
    expect(page.locator("main:not([aria-busy])")).to_be_visible()
    expect(page.locator("#cards")).to_contain_text("Charges PMPM")
    expect(page.locator("#charts")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect_claims(page, 5)
    expect(page.locator("[data-chart=geography] svg")).to_be_visible()


def test_charts_that_were_interrupted_are_drawn_when_the_person_comes_back(page: Page) -> None:
    held = open_without_vega(page)
    page.get_by_role("link", name="Claims", exact=True).click()
    expect_claims(page, 5)
    page.evaluate("history.back()")
    expect(page.locator("#cards")).to_be_visible()
    held[0].continue_()
    expect_claims(page, 5)
    expect(page.locator("#charts svg.marks")).to_have_count(6)


def test_charts_show_the_filters_that_were_chosen_while_they_were_drawn(page: Page) -> None:
    held = open_without_vega(page)
    page.get_by_role("checkbox", name="Draft").check()
    expect(page.locator("#figures .card", has_text="Claims").first.locator(".figure")).to_have_text("1")
    held[0].continue_()
    expect_claims(page, 1)
    after_a_change = page.locator("#charts svg.marks").all_inner_texts()
    page.unroute("**/vega.js")
    page.reload()
    expect_claims(page, 1)
    assert page.locator("#charts svg.marks").all_inner_texts() == after_a_change


def test_a_script_that_does_not_load_leaves_the_first_screen_and_is_fetched_again(
    browser: Browser, address: str
) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route("**/vega.js", lambda route: route.abort(), times=1)
    page.goto("/")
    expect(page.locator("#problem")).to_contain_text("The script that draws the charts did not load.")
    expect(page.locator("#cards")).to_contain_text("Charges PMPM")
    page.get_by_role("checkbox", name="Draft").check()
    expect_claims(page, 1)
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#charts svg.marks")).to_have_count(6)
    page.close()


def test_trends_that_the_server_cannot_answer_leave_the_charts(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route("**/api/cards/trends*", lambda route: route.fulfill(status=503, json=BUSY))
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#charts svg.marks")).to_have_count(6)
    expect(page.locator("#charts")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()
    page.close()


def test_a_chart_that_the_server_cannot_answer_leaves_the_first_screen(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route("**/api/charts/status*", lambda route: route.fulfill(status=503, json=BUSY))
    page.goto("/")
    expect(page.locator("#problem")).to_contain_text("Too much is asked at once.")
    expect(page.locator("#cards")).to_contain_text("Charges PMPM")
    expect(page.locator("#cards")).to_be_visible()
    expect(page.locator("#charts")).to_be_hidden()
    expect(page.locator("#look")).to_contain_text("Nothing here is far")
    expect(page.locator("#cards .sparkline polyline")).to_have_count(6)
    page.unroute("**/api/charts/status*")
    page.get_by_role("checkbox", name="Draft").check()
    expect_claims(page, 1)
    expect(page.locator("#charts")).to_be_visible()
    page.close()


def test_each_card_with_a_change_shows_its_trend(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#cards .card")).to_have_count(6)
    expect(page.locator("#cards .sparkline polyline")).to_have_count(6)
    expect(page.locator("#figures .sparkline polyline")).to_have_count(3)
    page.get_by_role("checkbox", name="Active").check()
    expect_claims(page, 3)
    expect(page.locator("#cards .sparkline polyline")).to_have_count(6)


def test_the_part_of_a_trend_that_may_still_change_is_pale(page: Page) -> None:
    def with_two_recent_days(route: Route) -> None:
        answer = route.fetch().json()
        answer["items"] = [one | {"values": [1, 2, 4, 3, 5]} for one in answer["items"]]
        route.fulfill(json=answer | {"changing_count": 2})

    page.route("**/api/cards/trends*", with_two_recent_days)
    page.goto("/")
    trend = page.locator("#cards .sparkline").first
    settled, changing = (trend.locator(f"polyline.{part}") for part in ("settled", "changing"))
    points = [str(one.get_attribute("points")).split(" ") for one in (settled, changing)]
    assert [len(one) for one in points] == [3, 3]
    assert points[0][-1] == points[1][0]
    opacity = [one.evaluate("line => getComputedStyle(line).strokeOpacity") for one in (settled, changing)]
    assert float(opacity[1]) < float(opacity[0])


def test_new_data_keep_the_trends_until_the_new_ones_are_there_and_other_filters_do_not(page: Page) -> None:
    page.clock.install()
    page.goto("/")
    expect_claims(page, 5)
    trends = page.locator(".sparkline polyline")
    expect(trends).to_have_count(9)
    held: list[Route] = []
    page.route("**/api/cards/trends*", lambda route: held.append(route))
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
    with page.expect_request("**/api/cards/trends*"):
        page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    expect(trends).to_have_count(9)
    held.pop().continue_()
    expect_ready(page)
    with page.expect_request("**/api/cards/trends*"):
        page.get_by_role("checkbox", name="Active").check()
    expect(trends).to_have_count(0)
    held.pop().continue_()
    expect(trends).to_have_count(9)


def test_a_card_shows_its_sql(page: Page) -> None:
    page.goto("/")
    expect_claims(page, 5)
    card = page.locator("#cards div", has_text="Charges PMPM")
    card.get_by_text("SQL", exact=True).click()
    expect(card.locator("pre").first).to_contain_text("from claims_current")
    expect(page.locator("#look")).to_contain_text("Nothing here is far")
