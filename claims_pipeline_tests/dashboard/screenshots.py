"""The pictures in docs/dashboard.md: `python -m claims_pipeline_tests.dashboard.screenshots docs`.

They show the dashboard that runs at the settings' address; what they open is the first of a list, so that any lake
will do.
"""

import argparse
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, sync_playwright

from claims_pipeline.settings import load_settings
from claims_pipeline_tests.dashboard.chromium import chromium_path
from claims_pipeline_tests.dashboard.pages import expect_ready


class Picture(NamedTuple):
    """A page of the dashboard, and the size and looks of the window."""

    query: str = ""
    width: int = 1280
    height: int = 900
    looks: Literal["light", "dark"] = "light"
    opens: str = ""
    """What to click: the first element of this selector."""


PICTURES = {
    "dashboard.png": Picture(height=1860),
    "dashboard-drivers.png": Picture("?tab=drivers&by=category&measure=change"),
    "dashboard-patient.png": Picture(
        "?tab=claims&sort=-total_charge_amount", looks="dark", opens="#claims [data-person]"
    ),
    "dashboard-phone.png": Picture("?tab=members", width=390, height=844),
}


def take(browser: Browser, picture: Picture, path: Path) -> None:
    """Write one picture of the page when all of it is drawn."""
    page = browser.new_page(
        base_url=load_settings().dashboard_url,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.looks,
        reduced_motion="reduce",
    )
    page.goto(f"/{picture.query}")
    expect_ready(page)
    if picture.opens:
        page.locator(picture.opens).first.click()
        page.get_by_role("dialog").wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path)
    page.close()


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        for name, picture in PICTURES.items():
            take(browser, picture, given.folder / name)
        browser.close()


if __name__ == "__main__":
    main()
