"""The picture in the README: `python -m claims_pipeline_tests.dashboard.screenshot docs/dashboard.png`.

It shows the dashboard that runs at the settings' address.
"""

import argparse
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from claims_pipeline.settings import load_settings
from claims_pipeline_tests.dashboard.chromium import chromium_path
from claims_pipeline_tests.dashboard.pages import expect_ready


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--query", default="", help="filters, as in the page's address")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1860, help="0: the whole page")
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": given.width, "height": given.height or 900},
            color_scheme="dark" if given.dark else "light",
            reduced_motion="reduce",
        )
        page.goto(f"{load_settings().dashboard_url}/{given.query and '?'}{given.query}")
        _wait_until_drawn(page)
        page.screenshot(path=given.file, full_page=not given.height)
        browser.close()


def _wait_until_drawn(page: Page) -> None:
    expect_ready(page)
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
