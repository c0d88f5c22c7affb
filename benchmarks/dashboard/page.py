"""How long the page takes in a browser until a tab has its figures, and how much moves meanwhile."""

import statistics
import time

from playwright.sync_api import BrowserContext, sync_playwright

from benchmarks.dashboard.installation import Dashboard
from benchmarks.dashboard.questions import TABS
from claims_pipeline_tests.dashboard.chromium import HOW_TO_GET_IT, chromium_path
from claims_pipeline_tests.dashboard.pages import SHIFTS


def measure_page(dashboard: Dashboard, rounds: int) -> None:
    """Print the time until each tab has its figures, and its layout shift, at two widths."""
    if chromium_path() is None:
        print(f"\nThe page was not measured: {HOW_TO_GET_IT}")
        return
    print("\n| tab | cold ms | warm ms | with all charts | layout shift, wide | on a phone |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for tab in ("overview", *TABS, "quality"):
            address = f"{dashboard.client.base_url}/?tab={tab}".replace("//?", "/?")
            cold, warm, drawn, shifts = [], [], [], {}
            for _ in range(rounds):
                with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
                    cold.append(_open(context, address)[0])
                    seconds, with_charts, shifts[1440] = _open(context, address)
                    warm.append(seconds)
                    drawn.append(with_charts)
            with browser.new_context(viewport={"width": 390, "height": 800}) as context:
                *_, shifts[390] = _open(context, address)
            print(
                f"| {tab} | {1000 * statistics.median(cold):,.0f} | {1000 * statistics.median(warm):,.0f} "
                f"| {1000 * statistics.median(drawn):,.0f} "
                f"| {shifts[1440]:.3f} | {shifts[390]:.3f} |",
                flush=True,
            )
        browser.close()


def _open(context: BrowserContext, address: str) -> tuple[float, float, float]:
    """Return the seconds until a page has all of the first screen, and all charts too, and how much moved."""
    page = context.new_page()
    page.add_init_script(SHIFTS)
    began = time.perf_counter()
    page.goto(address)
    page.locator("main:not([aria-busy])").wait_for()
    seconds = time.perf_counter() - began
    page.locator("#charts:not([aria-busy])").wait_for(state="attached")
    with_charts = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    shift: float = page.evaluate("window.shift")
    page.close()
    return seconds, with_charts, shift
