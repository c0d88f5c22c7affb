"""What is worth a look, in a real browser."""

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import BUSY, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

UNUSUAL_VISIT = {"kind": "provider", "value": "practitioner-0001", "label": "Ada Moss", "specialty": "family_medicine",
                 "amount": 4.7, "claim_count": 90, "peer_amount": 3.5, "peer_count": 40, "score": 6.5,
                 "reason": "90 established office visits of level 4.7 on average"}  # fmt: skip
UNUSUAL_VISITS = {"items": [UNUSUAL_VISIT], "total": 1, "sql": "select 2"}
OF_DAYS = "**/api/anomalies*"
OF_VISITS = "**/api/stats/cost-outliers*of=visits*"
NOT_THERE = {"message": "there is no such route", "where": "GET /", "fix": "restart it", "parameters": {}}
COMPARING = "Comparing days, providers, claims and visits with what is usual."
NOTHING = "Nothing here is far from what is usual. Few days, or few claims, leave little to compare with."


def test_a_day_that_no_holiday_explains_comes_before_the_holidays(page: Page) -> None:
    unusual = [
        {"grain": "day", "first_day": day, "last_day": day, "measured": "claims", "value": 1, "usual": 9, "score": -4,
         "holidays": holidays, "reason": "1 claims received"}
        for day, holidays in [("2025-12-25", ["Christmas Day"])] * 5 + [("2025-03-12", [])]
    ]  # fmt: skip
    page.route(OF_DAYS, lambda route: route.fulfill(json={"items": unusual, "sql": "select 1"}))
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#look li button")).to_have_text(["Mar 12, 2025", "Dec 25, 2025"])
    page.locator("#look-sql summary", has_text="SQL of the days and weeks").click()
    expect(page.locator("#look-sql pre:visible")).to_have_text("select 1")


def test_visits_that_cannot_be_asked_leave_the_charts(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.route(OF_VISITS, lambda route: route.fulfill(status=503, json=BUSY))
    page.goto("/")
    expect(page.locator("#look")).to_have_text("The visits are missing here. Too much is asked at once.")
    expect(page.locator("#charts")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()
    page.goto("/?tab=providers")
    expect(page.locator("#visit-outliers")).to_have_text("Too much is asked at once.")
    expect(page.locator("#by-provider tbody tr")).not_to_have_count(0)
    expect(page.locator("#problem")).to_be_hidden()
    page.close()


def test_the_figures_do_not_wait_for_what_is_worth_a_look(page: Page) -> None:
    held: list[Route] = []
    page.route(OF_VISITS, lambda route: held.append(route))
    with page.expect_request(OF_VISITS):
        page.goto("/")
    expect(page.locator("main:not([aria-busy])")).to_be_visible()
    expect(page.locator("#cards")).to_contain_text("Charges PMPM")
    expect(page.locator("#look")).to_have_text(COMPARING)
    expect(page.locator("#look-sql summary")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#look")).to_have_text(NOTHING)
    expect(page.locator("#look-sql summary")).to_have_count(4)


@pytest.mark.parametrize(
    ("tab", "first", "later"),
    [
        ("members", "#by-plan", {"#by-diagnosis": "**/api/stats/by-diagnosis*", "#concentration": "**/concentration*"}),
        ("providers", "#by-provider", {"#outliers": "**/cost-outliers*of=providers*", "#visit-outliers": OF_VISITS}),
    ],
)
def test_the_first_tables_of_a_tab_do_not_wait_for_those_below(
    page: Page, tab: str, first: str, later: dict[str, str]
) -> None:
    held: list[Route] = []
    for address in later.values():
        page.route(address, lambda route: held.append(route))
    with page.expect_request([*later.values()][-1]):
        page.goto(f"/?tab={tab}")
    expect(page.locator(f"{first} tbody tr")).not_to_have_count(0)
    expect(page.locator("main:not([aria-busy])")).to_be_visible()
    for place in later:
        expect(page.locator(place)).to_have_text("Counting…")
    for route in held:
        route.continue_()
    expect_ready(page)
    for place in later:
        expect(page.locator(place)).not_to_contain_text("Counting…")


def test_a_table_that_is_missing_is_asked_for_again(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.clock.install()
    page.route("**/api/stats/by-diagnosis*", lambda route: route.fulfill(status=503, json=BUSY), times=1)
    page.goto("/?tab=members")
    expect(page.locator("#by-diagnosis")).to_have_text("Too much is asked at once.")
    expect(page.locator("#concentration tbody tr")).not_to_have_count(0)
    expect_ready(page)
    page.clock.fast_forward("00:11")  # the page looks every ten seconds whether there is something new
    expect(page.locator("#by-diagnosis tbody tr")).not_to_have_count(0)
    page.close()


@pytest.mark.parametrize(
    ("tab", "of", "place"),
    [("members", "by-diagnosis", "#by-diagnosis"), ("providers", "cost-outliers*of=visits", "#visit-outliers")],
)
def test_a_table_that_cannot_be_answered_is_not_asked_for_again(
    browser: Browser, address: str, tab: str, of: str, place: str
) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.clock.install()
    page.route(f"**/api/stats/{of}*", lambda route: route.fulfill(status=404, json=NOT_THERE))
    page.goto(f"/?tab={tab}")
    expect(page.locator(place)).to_have_text("There is no such route.")
    expect_ready(page)
    expect_nothing_asked(page)
    page.close()


def test_trends_that_cannot_be_answered_are_not_asked_for_again(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed requests
    page.clock.install()
    page.route("**/api/cards/trends*", lambda route: route.fulfill(status=404, json=NOT_THERE))
    page.route(OF_VISITS, lambda route: route.fulfill(status=500, json=NOT_THERE))
    page.goto("/")
    expect(page.locator("#look")).to_contain_text("The visits are missing here.")
    expect_ready(page)
    expect_nothing_asked(page)
    page.close()


def test_figures_that_cannot_be_answered_are_not_asked_for_again(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed requests
    page.clock.install()
    page.route("**/api/stats?*", lambda route: route.fulfill(status=500, json=NOT_THERE))
    page.route("**/api/stats", lambda route: route.fulfill(status=500, json=NOT_THERE))
    page.goto("/?tab=members")
    expect(page.locator("#problem")).to_contain_text("There is no such route.")
    with page.expect_response("**/api/stats"):
        page.clock.fast_forward("00:11")  # a build that the page has not seen yet
    expect_nothing_asked(page)
    page.close()


def expect_nothing_asked(page: Page) -> None:
    """Let the page look whether there is something new, and expect that it asks for no figures."""
    asked: list[str] = []
    page.on("request", lambda request: asked.extend(request.url.split("/api/")[1:]))
    with page.expect_response("**/health"):
        page.clock.fast_forward("00:11")
    page.wait_for_timeout(300)
    assert asked == []


def test_what_is_missing_is_not_asked_for_while_a_slow_question_still_runs(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.clock.install()
    page.route("**/api/stats/by-diagnosis*", lambda route: route.fulfill(status=503, json=BUSY), times=1)
    page.goto("/?tab=members")
    expect(page.locator("#by-diagnosis")).to_have_text("Too much is asked at once.")
    expect_ready(page)
    held: list[Route] = []
    page.route("**/api/stats/by-plan*", lambda route: held.append(route))
    with page.expect_request("**/api/stats/by-plan*"):
        page.clock.fast_forward("00:11")  # the page looks every ten seconds whether there is something new
    with page.expect_response("**/health"):
        page.clock.fast_forward("00:11")
    held[0].continue_()
    expect(page.locator("#by-diagnosis tbody tr")).not_to_have_count(0)
    expect_ready(page)
    assert len(held) == 1
    page.close()


def test_what_is_worth_a_look_under_other_filters_is_not_shown(page: Page) -> None:
    page.route(OF_VISITS, lambda route: route.fulfill(json=UNUSUAL_VISITS))
    page.goto("/")
    expect(page.locator("#look")).to_contain_text("Ada Moss")
    held: list[Route] = []
    page.route(OF_VISITS, lambda route: held.append(route))
    with page.expect_request(OF_VISITS):
        page.get_by_role("checkbox", name="Active").check()
    expect(page.locator("#look")).to_have_text(COMPARING)
    held[0].continue_()
    expect(page.locator("#look")).to_contain_text(f"{NOTHING} Remove a filter: Status: active")


@pytest.mark.parametrize("place", ["#look button", "#look-sql summary >> text=SQL of the visits"])
def test_new_data_keep_the_focus_on_the_visits(page: Page, place: str) -> None:
    page.clock.install()
    page.route(OF_VISITS, lambda route: route.fulfill(json=UNUSUAL_VISITS))
    page.goto("/")
    expect_ready(page)
    page.locator(place).focus()
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "built_at": "2030-01-01T00:00:00Z"}))
    with page.expect_response(OF_VISITS):
        page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    expect_ready(page)
    expect(page.locator("#look-sql summary")).to_have_count(4)
    expect(page.locator(place)).to_be_focused()


def test_providers_whose_visits_are_coded_unlike_those_of_peers_are_worth_a_look(page: Page) -> None:
    page.route(OF_VISITS, lambda route: route.fulfill(json=UNUSUAL_VISITS))
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#look li")).to_have_text(["Ada Moss 90 established office visits of level 4.7 on average."])
    expect(page.locator("#look-sql summary")).to_have_count(4)
    page.goto("/?tab=providers")
    expect(page.locator("#visit-outliers tbody tr")).to_have_text("Ada MossFamily medicine4.73.56.5")
    expect(page.get_by_label("SQL of Visits coded unlike those of peers")).to_have_text("SQL")


def test_the_focus_goes_to_the_content_when_the_day_that_was_chosen_goes_away(page: Page) -> None:
    day = {"grain": "day", "first_day": "2025-02-03", "last_day": "2025-02-03", "measured": "claims", "value": 9,
           "usual": 1, "score": 4, "holidays": [], "reason": "9 claims received"}  # fmt: skip
    page.route(OF_DAYS, lambda route: route.fulfill(json={"items": [day], "sql": "select 1"}), times=1)
    page.goto("/")
    page.get_by_role("button", name="Feb 3, 2025").press("Enter")
    expect_claims(page, 2)
    expect(page.locator("#look")).to_contain_text(NOTHING)
    expect(page.get_by_role("main")).to_be_focused()


def test_what_is_missing_is_asked_for_again(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    page.clock.install()
    page.route(OF_VISITS, lambda route: route.fulfill(status=503, json=BUSY), times=1)
    page.goto("/")
    expect(page.locator("#look")).to_contain_text("The visits are missing here.")
    expect_ready(page)
    page.clock.fast_forward("00:11")  # the page looks every ten seconds whether there is something new
    expect(page.locator("#look")).to_have_text(NOTHING)
    page.close()
