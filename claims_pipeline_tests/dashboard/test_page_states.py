"""The page when something is missing, wrong, away or small."""

import re
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, Route, expect
from pydantic import SecretStr

from claims_pipeline import aggregate
from claims_pipeline.dashboard import create_app
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import BEN, FEB_3, claim, write_day, write_example_lake
from claims_pipeline_tests.dashboard.pages import expect_claims, expect_ready, needs_chromium, offer_two_rows
from claims_pipeline_tests.dashboard.running import running

pytestmark = needs_chromium


def test_figures_that_match_nothing_say_so(page: Page) -> None:
    page.goto("/?received_from=2025-12-01")
    expect_claims(page, 0)
    expect(page.locator("#scope")).to_have_text(
        "No claims match the filters. Claims were received from Jan 10, 2025 to Feb 3, 2025. "
        "Remove a filter: Received: from Dec 1, 2025 × "  # noqa: RUF001
    )
    expect(page.locator("#charts .empty:visible")).to_have_count(6)


def test_what_shows_nothing_offers_to_remove_each_filter_or_all(page: Page) -> None:
    page.goto("/?tab=claims&patient=nobody&state=TX")
    expect_claims(page, 0)
    scope = page.locator("#scope")
    expect(scope.get_by_role("button")).to_have_text(["Patient: nobody ×", "State: TX ×", "Clear all"])  # noqa: RUF001
    page.locator("#tabs a").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the second: the state
    expect(scope.get_by_role("button")).to_have_text(["Patient: nobody ×"])  # noqa: RUF001
    expect(page.get_by_role("main").locator(":focus").or_(page.locator("main:focus"))).to_have_count(1)
    page.go_back()
    scope.get_by_role("button", name="Clear all").click()
    expect_claims(page, 5)
    expect(scope).to_contain_text("Counts are of claims of every status")
    assert page.url.endswith("/?tab=claims")


def test_days_without_days_before_leave_no_room_for_a_change(page: Page) -> None:
    page.goto("/?received_from=2025-01-10&received_to=2025-01-31")
    expect(page.locator("#changed-note")).to_contain_text("no claims from before Jan 10, 2025")
    box = page.locator(".two").bounding_box()
    assert box is not None
    assert box["height"] < 300


def test_days_without_charges_have_no_waterfall_of_zeros(page: Page) -> None:
    page.goto("/?state=WY")
    expect(page.locator("#changed-note")).to_contain_text("There are no charges")
    expect(page.locator("#waterfall li, #changed table")).to_have_count(0)
    box = page.locator(".two").bounding_box()
    assert box is not None
    assert box["height"] < 300
    expect(page.locator("#figures .change").first).to_have_text("no comparison")


def test_one_day_is_a_narrow_bar_beside_the_day_before(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/?received_from=2025-01-11&received_to=2025-01-11")
    expect_claims(page, 1)
    expect(page.locator("#compared")).to_have_text(
        "Changes: Jan 11, 2025 against Jan 10, 2025. "
        "1 of these days is recent: the status of their claims may still change."
    )
    bar = page.locator("[data-chart=claims-timeline] svg").get_by_label("Jan 11, 2025: 1 active claims")
    box = bar.bounding_box()
    assert box is not None
    assert 40 < box["width"] < 150
    trend = page.locator("[data-chart=cost-trend]")
    expect(trend.locator("figcaption")).to_contain_text("grey: from Jan 10, 2025")
    expect(trend.locator("svg .mark-symbol path[fill='#8b93a1']")).to_have_count(1)


def test_a_list_without_rows_says_why(page: Page) -> None:
    page.goto("/?tab=providers")
    for place in ("#outliers", "#visit-outliers"):
        expect(page.locator(place)).to_contain_text("No provider is far from the peers. Providers with few")
    page.goto("/?tab=providers&patient=nobody")
    expect(page.locator("#outliers")).to_contain_text("No claims match the filters")
    page.goto("/?tab=drivers&patient=nobody")
    expect(page.locator("#drivers-note")).to_contain_text("No claims match the filters")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_only_downwards(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#charts figure svg")).to_have_count(6)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_bars_of_a_ranking_begin_and_end_at_one_line(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/?tab=drivers&by=procedure")
    expect_ready(page)
    bars = [box for bar in page.locator("#bars .measure").all() if (box := bar.bounding_box())]
    columns = {round(box["x"]) for box in bars if box["x"] < 720}, {round(box["x"]) for box in bars if box["x"] > 720}
    assert [len(column) for column in columns] == [1, 1]
    assert len({round(box["width"]) for box in bars}) == 1


def test_on_a_phone_the_rule_of_a_check_is_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 740})
    page.goto("/?tab=quality")
    page.get_by_role("button", name="Run them now").click()
    rule = page.get_by_role("cell", name="No two rows have the same claim_id.").first
    expect(rule).to_be_visible()
    box = rule.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("tab=members", "[data-of=members]"),
        ("tab=providers", "[data-of=providers]"),
        ("tab=drivers&received_from=2025-01-11&received_to=2025-01-11", "#driven"),
        ("claim=claim-20250110-000000", "#detail"),
        (f"person={BEN}", "#detail"),
    ],
)
def test_on_a_phone_no_number_of_a_table_is_cut(page: Page, query: str, place: str) -> None:
    page.set_viewport_size({"width": 390, "height": 740})
    page.goto(f"/?{query}")
    expect_ready(page)
    numbers = page.locator(f"{place} td.number").filter(visible=True)  # a timeline has a folded table
    expect(numbers.first).to_be_visible()
    boxes = [box for number in numbers.all() if (box := number.bounding_box())]
    assert boxes
    assert max(box["x"] + box["width"] for box in boxes) <= 390
    tables = page.locator(f"{place} .scroll, {place}.scroll")
    assert tables.evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)")


ADDITIVE = {"charge_amount", "claim_count", "patient_count", "member_count", "member_month_count"}


def a_million_times(answer: object) -> object:
    """Return an answer of the API with sums as large as those of millions of claims."""
    if isinstance(answer, dict):
        return {
            name: value * 1_000_000 if name in ADDITIVE and value is not None else a_million_times(value)
            for name, value in answer.items()
        }
    return [a_million_times(value) for value in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize("tab", ["members", "providers"])
def test_large_numbers_are_not_cut(page: Page, tab: str) -> None:
    def enlarge(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=a_million_times(answer.json()))

    page.route(re.compile("/api/stats/by-"), enlarge)
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    tables = page.locator(f"[data-of={tab}] .scroll")
    assert tables.count() > 1
    for width in (920, 1280, 1400, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert tables.evaluate_all("all => all.every((one) => one.scrollWidth <= one.clientWidth)"), width


def test_the_headings_of_the_claims_stay_in_sight_and_another_part_begins_at_its_top(page: Page) -> None:
    offer_two_rows(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto("/?tab=claims&count=2")
    expect(page.locator("#range")).to_have_text("1 to 2 of 5")
    table = page.locator("#claims .scroll")
    table.evaluate("one => { one.style.maxHeight = '80px'; one.scrollTop = 30; }")
    outer, heading = table.bounding_box(), page.get_by_role("columnheader", name="Charge").bounding_box()
    assert outer is not None
    assert heading is not None
    assert heading["y"] == outer["y"]
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#range")).to_have_text("3 to 4 of 5")
    assert table.evaluate("one => one.scrollTop") == 0


@pytest.mark.parametrize("tab", ["members", "providers"])
def test_the_tables_of_a_tab_have_names_of_their_own(page: Page, tab: str) -> None:
    page.goto(f"/?tab={tab}")
    expect_ready(page)
    names = page.locator(f"[data-of={tab}] .scroll").evaluate_all("all => all.map((one) => one.ariaLabel)")
    assert len(names) > 1
    assert len(set(names)) == len(names)


def test_a_day_that_has_the_focus_shows_it(page: Page) -> None:
    page.goto("/?tab=claims")
    expect_ready(page)
    page.locator("#preset").focus()
    page.keyboard.press("Tab")
    day = page.get_by_label("Received from")
    expect(day).to_be_focused()
    assert day.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_specialties_and_providers_stand_side_by_side_on_a_wide_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto("/?tab=providers")
    expect_ready(page)
    tops = [
        box["y"]
        for place in ("#by-specialty-title", "#by-provider-title")
        if (box := page.locator(place).bounding_box())
    ]
    assert len(tops) == 2
    assert tops[0] == tops[1]


def test_the_filters_are_one_row_on_a_wide_screen(page: Page) -> None:
    page.goto("/?tab=claims")
    for width in (1280, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        fields = page.locator("#filters").locator("input:visible, select:visible, button:visible").all()
        boxes = [box for field in fields if (box := field.bounding_box())]
        assert len(boxes) == 10, width
        assert max(box["y"] for box in boxes) < min(box["y"] + box["height"] for box in boxes), width


def test_on_a_phone_the_filters_fold_and_a_claim_is_a_card(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 740})
    page.goto("/?tab=claims&received_from=2025-01-11")
    expect_claims(page, 3)
    fold = page.get_by_role("button", name="Filters", exact=True)
    expect(page.get_by_label("Received from")).to_be_hidden()
    fold.click()
    expect(page.get_by_label("Received from")).to_have_value("2025-01-11")
    page.get_by_role("checkbox", name="Draft").check()
    expect_claims(page, 1)
    cell = page.get_by_role("cell", name="Cleo Chan")
    cell.scroll_into_view_if_needed()
    expect(cell).to_be_in_viewport(ratio=1)
    assert page.locator("#claims .scroll").evaluate("one => one.scrollWidth <= one.clientWidth")
    page.get_by_role("columnheader", name="Charge").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Charge")).to_have_attribute("aria-sort", "ascending")


def test_a_wrong_link_says_what_is_wrong(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/?status=denied")
    expect(page.locator("#wrong-status")).to_have_text('There is no status "denied": it does not count.')
    expect(page.locator("#printed")).to_have_text("All claims.")
    expect_claims(page, 5)
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#wrong-status")).to_be_hidden()
    expect_claims(page, 5)
    assert page.url.rstrip("/") == address
    page.close()


NO_PART = "The link does not lead to a part of this list: it begins with the first."


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("after=zzz", NO_PART),
        ("sort=npi", "The table cannot be sorted as the link says: the latest received are first."),
        ("before=end&after=WyIyMDI1LTAyLTAzIiwgImNsYWltLTEiXQ", NO_PART),
        ("offset=99999999", NO_PART),
    ],
)
def test_a_link_to_no_part_of_the_table_says_so_and_shows_the_first(
    browser: Browser, address: str, query: str, said: str
) -> None:
    page = browser.new_page(base_url=address)
    page.goto(f"/?tab=claims&received_from=2025-01-11&{query}")
    expect(page.locator("#wrong-status")).to_have_text(said)
    expect_claims(page, 3)
    expect(page.get_by_role("alert")).to_be_hidden()
    page.close()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("basis=day", "The charts cannot count by what the link says: they count by receipt."),
        ("compare=day", "The days cannot be compared as the link says: they are compared with the days before."),
        ("trend=median", "The cost trend cannot draw what the link says."),
        (
            "state=ZZ",
            'State "ZZ" should be a state of the United States in two letters, such as CA: it does not count.',
        ),
        ("gender=male&gender=m", "Gender should be 'male', 'female', 'other' or 'unknown': it does not count."),
        (f"patient={'x' * 101}", "The text should have at most 100 characters: it does not count."),
    ],
)
def test_a_link_that_is_wrong_is_told_in_words_of_a_person(
    browser: Browser, address: str, query: str, said: str
) -> None:
    page = browser.new_page(base_url=address)
    page.goto(f"/?tab=drivers&{query}")
    expect(page.locator("#filters .wrong:visible")).to_have_text(said)
    expect_claims(page, 5)
    page.close()


def test_a_link_that_is_wrong_in_several_ways_is_told_all_of_them(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto("/?tab=claims&status=denied&received_from=2025-13-01&sort=npi&after=zzz")
    expect(page.locator("#wrong-status")).to_have_text(
        'There is no status "denied": it does not count. '
        "The table cannot be sorted as the link says: the latest received are first."
    )
    expect(page.locator("#wrong-received_from")).to_contain_text('"2025-13-01" is not a day')
    expect(page.get_by_role("alert")).to_be_hidden()
    expect_claims(page, 5)
    page.close()


def test_of_a_choice_that_a_link_has_twice_the_first_counts_also_if_it_is_the_default(page: Page) -> None:
    page.goto("/?tab=drivers&compare=before&compare=year")
    expect_claims(page, 5)
    expect(page.get_by_label("Against")).to_have_value("before")


def test_a_link_with_a_day_or_a_number_of_rows_that_there_is_not_leaves_the_fields_usable(
    browser: Browser, address: str
) -> None:
    page = browser.new_page(base_url=address)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text) if message.type == "warning" else None)
    page.goto("/?tab=claims&received_to=2025-02-30&count=7")
    expect(page.locator("#wrong-received_to")).to_contain_text('"2025-02-30" is not a day')
    expect(page.locator("#wrong-status")).to_have_text(
        "The table cannot have as many rows as the link says: it has 50."
    )
    expect_claims(page, 5)
    expect(page.locator("#count")).to_have_value("50")
    assert warnings == []
    page.close()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("claim=a%2Fb", "There is no claim a/b. "),
        ("person=%23", "There is no patient #. "),
        ("practitioner=zz", "There is no provider zz. "),
    ],
)
def test_a_link_to_nothing_says_what_there_is_not(browser: Browser, address: str, query: str, said: str) -> None:
    page = browser.new_page(base_url=address)
    page.goto(f"/?{query}")
    expect(page.get_by_role("dialog").locator("#detail-content")).to_contain_text(
        f"{said}Close this and search for a part"
    )
    page.close()


def test_a_page_that_cannot_start_says_what_to_do(chromium: Browser, address: str) -> None:
    page = chromium.new_page(base_url=address)  # its console has the script that is torn
    page.route("**/assets/*/main.js", lambda route: route.fulfill(status=200, content_type="text/javascript", body="("))
    page.goto("/")
    expect(page.locator("#stuck")).to_be_hidden()
    page.evaluate("document.getAnimations().forEach((one) => one.finish())")  # ten seconds later
    expect(page.locator("#stuck")).to_contain_text("Reload it")
    page.close()


def test_a_page_that_is_older_than_the_dashboard_offers_to_reload(page: Page) -> None:
    page.clock.install()
    page.goto("/")
    expect_claims(page, 5)
    expect(page.locator("#upgraded")).to_be_hidden()
    page.route("**/health", lambda route: route.fulfill(json={"status": "ok", "version": "99.0", "built_at": None}))
    page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
    with page.expect_navigation():
        page.get_by_role("button", name="Reload the page").click()
    expect_claims(page, 5)


def test_the_page_fills_when_the_analytics_are_built(browser: Browser, tmp_path: Path, cache: Path) -> None:
    settings = Settings(home=tmp_path, cache=cache)
    lake = write_example_lake(settings.lake_path)
    with running(create_app(settings)) as address:
        page = browser.new_page(base_url=address)
        page.clock.install()
        page.goto("/?tab=claims")
        expect(page.get_by_role("alert")).to_contain_text("The analytics are not built yet")
        expect(page.get_by_role("alert")).to_contain_text("claims aggregate")
        page.get_by_role("combobox", name="Search").fill("ana")
        page.keyboard.press("Enter")
        expect(page.locator("#found")).to_have_text("The analytics are not built yet.")
        aggregate.build(lake, settings.analytics_path)
        page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
        expect(page.locator("#range")).to_have_text("1 to 5 of 5")
        row = claim("claim-20250203-000009", BEN, "CA", {"99213": "1.00"}, received_date=FEB_3)
        write_day(lake, date(2025, 2, 4), [row])
        aggregate.build(lake, settings.analytics_path)
        page.clock.fast_forward("00:11")  # the page looks for a new build every ten seconds
        expect(page.locator("#range")).to_have_text("1 to 6 of 6")
        page.close()


def test_a_browser_that_gave_the_password_sees_everything(browser: Browser, example_settings: Settings) -> None:
    guarded = example_settings.model_copy(update={"dashboard_password": SecretStr("secret")})
    with running(create_app(guarded)) as address:
        page = browser.new_context(
            base_url=address, http_credentials={"username": "anyone", "password": "secret"}
        ).new_page()
        page.goto("/")
        expect_claims(page, 5)
        expect(page.locator("#charts figure svg")).to_have_count(6)
        page.close()


def test_the_page_comes_back_with_the_dashboard(browser: Browser, app: FastAPI) -> None:
    page = browser.new_page()
    page.clock.install()
    with running(app) as address:
        page.goto(address)
        expect_claims(page, 5)
    page.get_by_role("checkbox", name="Draft").check()
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.locator("#figures")).to_be_hidden()
    with running(app, port=int(address.rpartition(":")[2])):
        page.clock.fast_forward("00:11")
        expect_claims(page, 1)
        expect(page.get_by_role("alert")).to_be_hidden()
        page.close()


def test_a_wrong_link_is_not_asked_for_again_once_the_dashboard_is_back(browser: Browser, app: FastAPI) -> None:
    page = browser.new_page()
    page.clock.install()
    with running(app) as address:
        page.goto(f"{address}/?status=denied")
        expect_claims(page, 5)
    page.get_by_role("checkbox", name="Draft").check()
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("status=denied$"))
    with running(app, port=int(address.rpartition(":")[2])):
        page.clock.fast_forward("00:11")
        expect(page.get_by_role("alert")).to_be_hidden()
        expect_claims(page, 5)
        asked: list[str] = []
        page.on("request", lambda request: asked.extend(request.url.split("/api/")[1:]))
        with page.expect_response("**/health"):
            page.clock.fast_forward("00:11")
        expect_claims(page, 5)
        page.wait_for_timeout(200)
        assert asked == []
        page.close()
