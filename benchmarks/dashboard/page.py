"""How long the page takes in a browser until a tab has its figures, opened or under other days, and what moves."""

import statistics
import time

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.dashboard.installation import Dashboard
from benchmarks.dashboard.questions import FIRST_SCREEN, new_days
from benchmarks.embedded import FIRST_YEAR
from claims_pipeline_tests.dashboard.chromium import HOW_TO_GET_IT, chromium_path
from claims_pipeline_tests.dashboard.pages import SHIFTS

CHOOSE_FIRST_DAY = """day => new Promise((resolve) => {
  const main = document.querySelector("main"), charts = document.getElementById("charts");
  const field = document.querySelector("[name=received_from]");
  let firstScreen = 0;
  const observer = new MutationObserver(() => {
    const passed = performance.now() - began;
    if (!firstScreen && !main.hasAttribute("aria-busy")) firstScreen = passed;
    if (!firstScreen || charts.hasAttribute("aria-busy")) return;
    observer.disconnect();
    resolve([firstScreen, passed]);
  });
  field.focus();
  field.value = day;
  const began = performance.now();
  field.dispatchEvent(new Event("change", { bubbles: true }));
  observer.observe(document.body, { subtree: true, attributeFilter: ["aria-busy"] });
})"""
"""A script that chooses a first day, and returns the milliseconds until the first screen and until all is shown.

The page measures itself: waiting from outside takes about 100 ms more.
"""


def measure_page(dashboard: Dashboard, rounds: int) -> None:
    """Print the time until each tab has its figures, opened and after other days are chosen, and its layout shift."""
    if chromium_path() is None:
        print(f"\nThe page was not measured: {HOW_TO_GET_IT}")
        return
    print("\n| tab | cold ms | warm ms | with all | other days | with all | layout shift, wide | on a phone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for index, tab in enumerate((*FIRST_SCREEN, "quality")):
            address = f"{dashboard.client.base_url}/?tab={tab}".replace("//?", "/?")
            cold, warm, drawn, shifts = [], [], [], {}
            until = f"&received_to={FIRST_YEAR}-12-{30 - index}"  # so that no tab asks for days of another
            other_days = _choose_days(browser, address + until, rounds)
            for _ in range(rounds):
                with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
                    cold.append(_open(context, address)[0])
                    seconds, with_all, shifts[1440] = _open(context, address)
                    warm.append(seconds)
                    drawn.append(with_all)
            with browser.new_context(viewport={"width": 390, "height": 800}) as context:
                *_, shifts[390] = _open(context, address)
            print(
                f"| {tab} | {1000 * statistics.median(cold):,.0f} | {1000 * statistics.median(warm):,.0f} "
                f"| {1000 * statistics.median(drawn):,.0f} "
                f"| {1000 * statistics.median(first for first, _ in other_days):,.0f} "
                f"| {1000 * statistics.median(every for _, every in other_days):,.0f} "
                f"| {shifts[1440]:.3f} | {shifts[390]:.3f} |",
                flush=True,
            )
        browser.close()


def _choose_days(browser: Browser, address: str, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds until an open page has the first screen, and all, each time after another first day."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    _wait_for_all(page, time.perf_counter())
    seconds: list[tuple[float, float]] = []
    for number in range(rounds):
        first_screen, with_all = page.evaluate(CHOOSE_FIRST_DAY, str(new_days(number)["received_from"]))
        seconds.append((first_screen / 1000, with_all / 1000))
    page.close()
    return seconds


def _open(context: BrowserContext, address: str) -> tuple[float, float, float]:
    """Return the seconds until a page has all of the first screen, and what lies below too, and how much moved."""
    page = context.new_page()
    page.add_init_script(SHIFTS)
    began = time.perf_counter()
    page.goto(address)
    seconds, with_all = _wait_for_all(page, began)
    page.wait_for_load_state("networkidle")
    shift: float = page.evaluate("window.shift")
    page.close()
    return seconds, with_all, shift


def _wait_for_all(page: Page, began: float) -> tuple[float, float]:
    """Return the seconds since `began` until the page has the first screen, and until it has all."""
    page.locator("main:not([aria-busy])").wait_for()
    seconds = time.perf_counter() - began
    page.locator("#charts:not([aria-busy])").wait_for(state="attached")
    return seconds, time.perf_counter() - began
