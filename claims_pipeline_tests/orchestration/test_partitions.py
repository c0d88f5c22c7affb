import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.lake import Feed, require_feed

pytestmark = pytest.mark.heavy


def first_partition(home: Path, **environment: str) -> str:
    """Return the first partition that a new process sees: definitions are made when they are imported."""
    code = "from claims_pipeline.orchestration.partitions import daily; print(daily.get_first_partition_key())"
    variables = os.environ | {"CLAIMS_HOME": str(home)} | environment
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_first_partition_is_the_first_day_of_the_lake_else_of_the_settings(tmp_path: Path) -> None:
    assert first_partition(tmp_path) == "2025-01-01"
    assert first_partition(tmp_path, CLAIMS_START_DATE="2025-03-01") == "2025-03-01"

    feed = Feed(seed=1, patients=10, claims=100, start_date=date(2024, 5, 1), end_date=date(2024, 5, 31))
    require_feed(tmp_path / "lake", feed)

    assert first_partition(tmp_path) == "2024-05-01"
