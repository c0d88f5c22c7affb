"""A generated lake without a finding, and a copy of it to plant faults in."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline_tests.once_a_run import made_once

FEED = Feed(seed=2, patients=60, claims=130, start_date=date(2025, 3, 10), end_date=date(2025, 3, 14))


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    def make(folder: Path) -> None:
        generate_range(Lake(folder), FEED, start=FEED.start_date, end=FEED.end_date)

    return Lake(made_once(tmp_path_factory, "quality-clean", make))


@pytest.fixture
def lake(clean: Lake, tmp_path: Path) -> Lake:
    shutil.copytree(clean.root, tmp_path / "lake")
    return Lake(tmp_path / "lake")
