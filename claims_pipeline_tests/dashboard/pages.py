"""What the browser tests look at."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from claims_pipeline_tests.dashboard.chromium import HOW_TO_GET_IT, chromium_path

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium_path() is None, reason=HOW_TO_GET_IT),
]

BUSY: dict[str, object] = {
    "message": "too much is asked at once",
    "where": "dashboard",
    "fix": "ask again in 5 seconds, or narrow the filters",
    "parameters": {},
}
"""The body of a 503."""

SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""
"""A script that adds up in `window.shift` how much moves while the page fills (cumulative layout shift)."""


def figure(page: Page, name: str) -> str:
    return page.locator("#figures div", has=page.get_by_text(name, exact=True)).locator(".figure").inner_text()


def expect_ready(page: Page) -> None:
    """Wait until the page shows what its address asks for, charts below the first screen too."""
    expect(page.locator("main:not([aria-busy])")).to_be_visible()
    expect(page.locator("#charts[aria-busy]")).to_have_count(0)


def expect_claims(page: Page, count: int) -> None:
    expect_ready(page)
    expect(page.locator("#figures .card", has_text="Claims").first.locator(".figure")).to_have_text(str(count))
    if "tab=claims" in page.url:
        expect(page.locator("#range")).to_contain_text(f"of {count}")
        expect(page.locator("#claims tbody tr", has=page.locator(".id"))).to_have_count(count)


def offer_two_rows(page: Page) -> None:
    """Let the table of the page have two rows at a time, so that a few claims have several parts."""

    def with_two(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("<option>25<", "<option>2</option><option>25<", 1))

    page.route(re.compile(r"/\?tab="), with_two)
