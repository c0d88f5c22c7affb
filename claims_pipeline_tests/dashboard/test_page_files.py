"""Files that a person saves by a click: CSV that a spreadsheet can open without harm, and Parquet."""

import csv

import polars as pl
from playwright.sync_api import Download, Locator, Page, Route, expect

from claims_pipeline_tests.dashboard.pages import expect_claims, expect_ready, needs_chromium

pytestmark = needs_chromium

LABELS = {
    "=1+1": "'=1+1",
    "+1": "'+1",
    "-1+1": "'-1+1",
    "@sum(A1)": "'@sum(A1)",
    "\t=1": "'\t=1",
    "\r=1": "'\r=1",
    'A "b", c': 'A "b", c',
    "two\nlines": "two\nlines",
    "Smith-Jones": "Smith-Jones",
}
"""Texts, and what a spreadsheet is to get: a formula begins with an apostrophe."""


def saved(page: Page, button: Locator) -> Download:
    with page.expect_download() as download:
        button.click()
    return download.value


def with_labels(route: Route) -> None:
    answer = route.fetch()
    body = answer.json()
    item = body["items"][0] | {"figures": body["items"][0]["figures"] | {"charge_amount": -1.5}}
    route.fulfill(response=answer, json=body | {"items": [item | {"label": label} for label in LABELS]})


def test_values_that_are_saved_as_csv_hold_no_formula(page: Page) -> None:
    page.route("**/api/stats/by-specialty*", with_labels)
    page.goto("/?tab=drivers")
    expect_ready(page)

    file = saved(page, page.locator("#drivers-away").get_by_role("button", name="CSV"))

    with file.path().open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert [row["label"] for row in rows] == list(LABELS.values())
    assert {row["charge_amount"] for row in rows} == {"-1.5"}  # a number is none


def test_the_claims_are_saved_as_parquet_under_the_filters(page: Page) -> None:
    page.goto("/?tab=claims&status=active")
    expect_claims(page, 3)

    file = saved(page, page.get_by_role("link", name="Parquet"))

    assert file.suggested_filename == "claims.parquet"
    claims = pl.read_parquet(file.path())
    assert claims["claim_status"].to_list() == ["active"] * 3
    listed = page.locator("#claims tbody .id").all_inner_texts()
    assert sorted(claims["claim_id"]) == sorted(listed)
    expect(page.locator("#problem")).to_be_hidden()
