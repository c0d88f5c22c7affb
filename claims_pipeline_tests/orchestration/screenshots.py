"""The pictures in docs/orchestration.md: `python -m claims_pipeline_tests.orchestration.screenshots docs`.

It makes a small lake in a temporary folder, with a fault in one day, records the runs in a Dagster instance of its own,
and takes pictures of Dagster's UI in headless Chromium. No FHIR server is needed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import httpx
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as NotInTime

from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.ports import free_port
from claims_pipeline.processes import wait_until
from claims_pipeline.settings import load_settings
from claims_pipeline_tests.dashboard.chromium import chromium_path

FAULTY = datetime.now(UTC).date() - timedelta(days=1)
"""The last day of the feed, and of Dagster's partitions: a plot shows the last 120 partitions, made or not."""
FEED = Feed(seed=3, patients=500, claims=3_000, start_date=FAULTY - timedelta(days=50), end_date=FAULTY)
WAIT_MILLISECONDS = 30_000


class Picture(NamedTuple):
    """A page of the UI, a text that it shows when it is complete, and the button to click then."""

    address: str
    text: str
    button: str | None = None


PICTURES = {
    "dagster-lineage.png": Picture("/assets/fhir_load?view=lineage&lineageScope=upstream&lineageDepth=4", "enrollment"),
    "dagster-partition.png": Picture(
        f"/assets/claims?view=partitions&partition={FAULTY - timedelta(days=2)}", "dagster/partition_row_count"
    ),
    "dagster-plots.png": Picture("/assets/claims", "dagster/partition_row_count", "Plots"),
    "dagster-check.png": Picture("/assets/claims?view=checks&checkDetail=total_is_sum", "first_ids"),
}


def record_runs() -> None:
    """Make the days of the feed but the last in one run, then the last one, which has the fault, in another."""
    from claims_pipeline.definitions import defs  # its partitions are those of the lake that is there by now
    from claims_pipeline.orchestration.partitions import PARTITION, RANGE_END, RANGE_START
    from claims_pipeline.stack.services import dagster_instance
    from claims_pipeline_tests.orchestration.night.planted import faults_on

    job = defs.resolve_job_def("daily_feed")
    made = job.get_subset(
        asset_selection={dg.AssetKey(name) for name in ("patients", "coverages", "claims")},
        asset_check_selection={
            key for key in job.asset_layer.asset_graph.asset_check_keys if key.asset_key.path == ["claims"]
        },
    )
    before = {RANGE_START: str(FEED.start_date), RANGE_END: str(FAULTY - timedelta(days=1))}
    with dg.DagsterInstance.from_config(str(dagster_instance(load_settings()))) as instance, faults_on(FAULTY):
        for tags in (before, {PARTITION: str(FAULTY)}):
            made.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


@contextmanager
def webserver() -> Iterator[str]:
    """Run Dagster's webserver for a `with` block, and yield its address."""
    port = str(free_port())
    command = [sys.executable, "-m", "claims_pipeline.orchestration.webserver", "-h", "127.0.0.1", "-p", port]
    environment = os.environ | {"DAGSTER_HOME": str(load_settings().dagster_path)}
    with subprocess.Popen([*command, "-m", "claims_pipeline.definitions"], env=environment) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            assert wait_until(lambda: answers(address), seconds=180), "Dagster's webserver does not answer"
            yield address
        finally:
            process.terminate()


def answers(address: str) -> bool:
    """Tell whether the webserver answers."""
    try:
        return httpx.get(f"{address}/server_info", trust_env=False).is_success
    except httpx.HTTPError:
        return False


def take(page: Page, address: str, picture: Picture, path: Path) -> None:
    """Write one picture of a page that shows its text; without it, of the page as it is after a while."""
    page.goto(address + picture.address)
    with suppress(NotInTime):
        page.get_by_text(picture.text, exact=False).first.wait_for(timeout=WAIT_MILLISECONDS)
    if picture.button:
        button = page.get_by_text(picture.button, exact=True)
        button.click()
        button.evaluate("button => button.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(3_000)  # the graph is laid out, and plots are drawn, after the last answer
    page.screenshot(path=path)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=800)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["CLAIMS_HOME"] = home
        require_feed(load_settings().lake_path, FEED)
        record_runs()
        with webserver() as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": given.width, "height": given.height}, color_scheme="light")
            for name, picture in PICTURES.items():
                take(page, address, picture, given.folder / name)
            browser.close()


if __name__ == "__main__":
    main()
