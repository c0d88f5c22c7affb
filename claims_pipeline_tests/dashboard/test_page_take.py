"""What a person takes away of the page, in a real browser: claims as files, tables as CSV, figures as SQL."""

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import ANA
from claims_pipeline_tests.dashboard.pages import BUSY, expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

COMPARED = "received_from=2025-01-23&received_to=2025-02-03"
TABS = ("overview", "drivers", "members", "providers", "claims", "quality")


def saved(page: Page, name: str, *, place: str = "body") -> tuple[str, list[str]]:
    """Return the name and the lines of the file that a button saves."""
    with page.expect_download() as download:
        page.locator(place).get_by_role("button", name=f"Save {name} as CSV").press("Enter")
    return download.value.suggested_filename, Path(download.value.path()).read_text().splitlines()


def test_the_claims_are_downloaded_from_every_tab(page: Page) -> None:
    for tab in TABS:
        page.goto(f"/?tab={tab}&status=active")
        expect_ready(page)
        for name in ("CSV", "Parquet"):
            link = page.get_by_role("banner").get_by_role("link", name=name)
            expect(link).to_be_visible()
            expect(link).to_have_attribute("href", f"/api/export.{name.lower()}?status=active")
            expect(page.get_by_role("link", name=name)).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="Parquet").press("Enter")
    assert pl.read_parquet(download.value.path()).height == 3


@pytest.mark.parametrize("place", ["tab=overview", "tab=drivers&by=category"])
def test_what_changed_is_taken_away_with_its_parts_and_their_sum(page: Page, place: str) -> None:
    page.goto(f"/?{place}&{COMPARED}")
    expect_ready(page)
    name, lines = saved(page, "what changed by category", place="main section:visible")
    assert name == "what-changed-by-category.csv"
    assert lines[0] == "category,label,before_amount,after_amount,members,use,mix,price"
    assert lines[-1].startswith(",All,150,150.5,")
    parts = [[float(one) for one in line.split(",")[4:]] for line in lines[1:]]
    assert [round(sum(column), 2) for column in zip(*parts[:-1], strict=True)] == parts[-1]
    assert round(sum(parts[-1]), 2) == 0.5


def test_who_has_the_charges_is_taken_away(page: Page) -> None:
    page.goto("/?tab=members")
    expect_ready(page)
    name, lines = saved(page, "concentration")
    assert name == "concentration.csv"
    assert lines[0] == "top_percent,patient_count,charge_amount,charge_percent"
    assert lines[-1] == "100,2,500.5,100"
    name, lines = saved(page, "claims by gender")
    assert (name, lines[1].partition(",")[0]) == ("claims-by-gender.csv", "female")


def test_outliers_say_how_many_there_are_and_are_taken_away_without_formulas(page: Page) -> None:
    outlier = {"kind": "provider", "value": "practitioner-0001", "label": "=HYPERLINK(1)",
               "specialty": "family_medicine", "amount": 4.7, "claim_count": 90, "peer_amount": 3.5,
               "peer_count": 40, "score": -6.5, "reason": "90 claims, far more"}  # fmt: skip
    answer = {"items": [outlier], "total": 1137, "sql": "select 2"}
    page.route("**/api/stats/cost-outliers*", lambda route: route.fulfill(json=answer))
    page.goto("/?tab=providers")
    expect_ready(page)
    for place in ("outliers", "visit-outliers"):
        expect(page.locator(f"#{place}")).to_contain_text("The first 1 of 1,137")
        name, lines = saved(page, f"provider {place.replace('-', ' ')}", place=f"#{place}")
        assert name == f"provider-{place}.csv"
        assert lines == [
            "kind,provider,label,specialty,amount,claim_count,peer_amount,peer_count,score,reason",
            'provider,practitioner-0001,\'=HYPERLINK(1),family_medicine,4.7,90,3.5,40,-6.5,"90 claims, far more"',
        ]


def test_the_file_of_a_list_that_is_shown_in_part_has_all_of_it(page: Page) -> None:
    """The API is asked for the rest when a person wants the file."""

    def outliers(route: Route) -> None:
        count = 3 if "count=50000" in route.request.url else 1
        provider = {"kind": "provider", "label": "Dora Diaz", "specialty": "family_medicine", "amount": 4.7,
                    "claim_count": 90, "peer_amount": 3.5, "peer_count": 40, "score": -6.5, "reason": "a"}  # fmt: skip
        items = [provider | {"value": f"practitioner-{number}"} for number in range(count)]
        route.fulfill(json={"items": items, "total": 3, "sql": "select 2"})

    page.route("**/api/stats/cost-outliers*", outliers)
    page.goto("/?tab=providers&status=active")
    expect_ready(page)
    expect(page.locator("#outliers")).to_contain_text("The first 1 of 3")
    with page.expect_request("**/api/stats/cost-outliers?status=active&of=providers&count=50000"):
        _, lines = saved(page, "provider outliers", place="#outliers")
    assert [line.split(",")[-1] for line in lines[1:]] == ["practitioner-0", "practitioner-1", "practitioner-2"]
    page.goto("/")
    expect_ready(page)
    for name in ("unusual providers", "unusual claims", "unusual visits"):
        _, lines = saved(page, name)
        assert len(lines) == 4


def test_the_file_of_a_ranking_that_is_shown_in_part_has_all_values(page: Page) -> None:
    def first_value(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json=answer | {"items": answer["items"][: None if "count=1000" in route.request.url else 1]})

    page.route("**/api/stats/by-category*", first_value)
    for place in ("/", "/?tab=drivers&by=category"):
        page.goto(place)
        expect_ready(page)
        expect(page.locator(".bars [data-dimension=category]:visible")).to_have_count(1)
        _, lines = saved(page, "claims by category", place=".take:visible")
        assert len(lines) > 2


def test_a_file_that_holds_only_the_first_rows_says_so_and_one_that_fails_too(browser: Browser, address: str) -> None:
    page = browser.new_page(base_url=address)  # its console has the failed request
    outlier = {
        "kind": "claim",
        "value": "claim-1",
        "label": "Ana",
        "specialty": "family_medicine",
        "amount": 4.7,
        "claim_count": 0,
        "peer_amount": 3,
        "peer_count": 4,
        "score": 6,
        "reason": "",
    }
    answer = {"items": [outlier], "total": 61_000, "sql": "select 2"}
    page.route("**/api/stats/cost-outliers*", lambda route: route.fulfill(json=answer))
    page.goto("/")
    expect_ready(page)
    button = page.get_by_role("button", name="Save unusual claims as CSV")
    expect(button).to_have_text("CSV of the first 50,000")
    page.route("**/api/stats/cost-outliers*", lambda route: route.fulfill(status=503, json=BUSY))
    button.click()
    expect(page.locator("#look-sql")).to_contain_text("Not saved: too much is asked at once.")
    page.close()


def test_what_is_worth_a_look_says_how_many_there_are_and_is_taken_away(page: Page) -> None:
    def with_five(route: Route) -> None:
        claim = {"kind": "claim", "label": "Ana Alvarez", "specialty": "family_medicine", "amount": 4.7,
                 "claim_count": 0, "peer_amount": 3.5, "peer_count": 40, "score": 6.5, "reason": "a"}  # fmt: skip
        items = [claim | {"value": f"claim-{number}"} for number in range(5)]
        route.fulfill(json={"items": items, "total": 11_861, "sql": "select 2"})

    day = {"grain": "day", "first_day": "2025-02-03", "last_day": "2025-02-03", "measured": "claims", "value": 9,
           "usual": 1, "score": 4, "holidays": ["One Day", "Other Day"], "reason": "9 claims received"}  # fmt: skip
    page.route("**/api/stats/cost-outliers*of=claims*", with_five)
    page.route("**/api/anomalies*", lambda route: route.fulfill(json={"items": [day], "sql": "select 1"}))
    page.goto("/")
    expect_ready(page)
    expect(page.locator("#look li")).to_have_count(6)
    expect(page.locator("#look li").last).to_have_text("Listed are the first 4 of 11,861 claims by charges.")
    name, lines = saved(page, "unusual claims")
    assert (name, len(lines)) == ("unusual-claims.csv", 6)
    name, lines = saved(page, "unusual days and weeks")
    assert name == "unusual-days-and-weeks.csv"
    assert lines[1] == "day,2025-02-03,2025-02-03,claims,9,1,4,One Day; Other Day,9 claims received"


def test_the_tables_of_a_patient_and_a_provider_are_taken_away(page: Page, example_settings: Settings) -> None:
    page.goto(f"/?person={ANA}")
    expect_ready(page)
    dialog = page.get_by_role("dialog")
    name, lines = saved(page, f"{ANA.replace('-', ' ')} diagnoses")
    assert name == f"{ANA}-diagnoses.csv"
    assert lines == ["diagnosis,label,claim_count,charge_amount", "I10,Essential hypertension,2,150"]
    dialog.get_by_label("SQL of the diagnoses").click()
    sql = dialog.locator("details[open] pre").inner_text()
    with duckdb.connect(example_settings.analytics_path, read_only=True) as connection:
        [row] = connection.sql(sql).to_arrow_table().to_pylist()
    assert (row["claim_count"], row["charge_amount"]) == (2, 150)
    page.goto("/?practitioner=practitioner-0001")
    expect_ready(page)
    assert saved(page, "practitioner 0001 panel")[1][:2] == ["name,title,value,peer_median", "claim_count,Claims,5,5"]
    assert saved(page, "practitioner 0001 mix")[1][0] == "category,line_count,line_percent,peer_percent"


def test_all_tables_of_a_patient_and_a_claim_are_taken_away(page: Page) -> None:
    page.goto(f"/?person={ANA}")
    expect_ready(page)
    name, lines = saved(page, f"{ANA.replace('-', ' ')} coverages")
    assert name == f"{ANA}-coverages.csv"
    assert lines[0] == "coverage_id,payer_name,plan_name,plan_type,coverage_start_date,coverage_end_date"
    name, lines = saved(page, f"{ANA.replace('-', ' ')} claims")
    assert name == f"{ANA}-claims.csv"
    assert len(lines) == 1 + int(page.get_by_role("dialog").locator("[data-open=claim]").count())
    assert "I10 Essential hypertension" in lines[1]
    page.goto("/?claim=claim-20250110-000000")
    expect_ready(page)
    name, lines = saved(page, "claim 20250110 000000 lines")
    assert name == "claim-20250110-000000-lines.csv"
    assert lines[0] == (
        "claim_line_number,procedure,modifiers,diagnosis_pointers,line_service_date,place_of_service,"
        "unit_count,unit_charge_amount,charge_amount"
    )
    assert lines[2].startswith("2,85025 Complete blood count")
    name, lines = saved(page, "claim 20250110 000000 versions")
    assert lines == [
        "version_number,claim_status,as_of_date,total_charge_amount",
        "1,active,2025-01-10,170.5",
        "2,cancelled,2025-02-03,170.5",
    ]
    for title in ("the lines", "the versions"):
        expect(page.get_by_role("dialog").get_by_label(f"SQL of {title}", exact=True)).to_be_visible()


def test_the_sql_of_a_card_is_that_of_its_figure_its_change_and_its_line(page: Page) -> None:
    page.goto(f"/?{COMPARED}")
    expect_ready(page)
    for name, place in (("Charges PMPM", "#cards .card >> nth=0"), ("the headline figures", "#headline")):
        page.get_by_label(f"SQL of {name}", exact=True).press("Enter")
        shown = page.locator(place).locator("details.sql")
        expect(shown).to_contain_text("Change: the days compared and those before")
        expect(shown).to_contain_text("as current")
        expect(shown).to_contain_text("Over time, as the line shows")
        expect(shown).to_contain_text("order by first_day")
    page.get_by_role("link", name="Claims", exact=True).click()
    expect_claims(page, 2)
    expect(page.locator("#headline")).not_to_contain_text("as current", use_inner_text=True)


def test_the_claims_a_ranking_and_the_checks_show_the_sql_that_gives_them(
    page: Page, example_settings: Settings
) -> None:
    def rows_of(place: str) -> list[list[dict[str, Any]]]:
        """Return what each query that a place shows gives on the file."""
        queries = page.locator(place).locator("details[open] pre").all_inner_texts()
        with duckdb.connect(example_settings.analytics_path, read_only=True) as connection:
            return [connection.sql(sql).to_arrow_table().to_pylist() for sql in queries]

    page.goto("/?tab=claims&status=active")
    expect_claims(page, 3)
    page.get_by_label("SQL of the table of claims").press("Enter")
    claims, total = rows_of("#claims-sql")
    assert [row["claim_id"] for row in claims] == page.locator("#claims tbody .id").all_inner_texts()
    assert total == [{"n": 3}]
    page.get_by_role("button", name="Claim", exact=True).press("Enter")
    expect(page.locator("#claims-sql details[open]")).to_contain_text("order by claim_id")

    page.goto("/?tab=drivers&by=gender&measure=claim_count")
    expect_claims(page, 5)
    page.get_by_label("SQL of the ranking").press("Enter")
    values, total = rows_of("#drivers-away")
    assert {row["value"]: row["claim_count"] for row in values} == {"female": 3, "male": 2}
    assert total == [{"claim_count": 5}]

    page.goto("/?tab=quality")
    page.get_by_role("button", name="Run them now").click()
    page.get_by_label("SQL of claim lines agrees with the lake").press("Enter")
    assert rows_of("#model-checks") == [[]]


def test_the_download_follows_the_filters_before_their_figures_are_there(page: Page) -> None:
    held: list[Route] = []
    page.route("**/api/stats?*", lambda route: held.append(route))

    with page.expect_request("**/api/stats?*"):
        page.goto("/?status=active")

    expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", "/api/export.csv?status=active")
    assert page.locator("#figures .figure").first.inner_text().strip() == ""  # the figures are not there
    held[0].continue_()
    expect_ready(page)
