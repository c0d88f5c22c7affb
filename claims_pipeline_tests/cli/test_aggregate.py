import json
import subprocess
from pathlib import Path

import pytest

from claims_pipeline.aggregate import MODELS
from claims_pipeline_tests.aggregate.example_lake import write_example_lake
from claims_pipeline_tests.cli.running import run_claims


def claims_aggregate(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_claims("aggregate", *options, CLAIMS_HOME=str(home))


@pytest.mark.heavy
def test_the_report_is_printed_and_kept(tmp_path: Path) -> None:
    write_example_lake(tmp_path / "lake")
    done = claims_aggregate(tmp_path)
    assert done.returncode == 0
    assert "3 days, 2025-01-10 to 2025-02-03 (22 missing between them)" in done.stdout
    assert "built" in done.stdout
    assert [line.split()[-1] for line in done.stderr.splitlines()] == [model.name for model in MODELS]
    assert [file.name.split("-")[1] for file in (tmp_path / "runs").iterdir()] == ["aggregate"]


@pytest.mark.heavy
def test_a_second_run_finds_everything_unchanged(tmp_path: Path) -> None:
    write_example_lake(tmp_path / "lake")
    first, second = claims_aggregate(tmp_path, "--json"), claims_aggregate(tmp_path, "--json")
    assert json.loads(first.stdout)["is_unchanged"] is False
    assert json.loads(second.stdout)["is_unchanged"] is True
    assert json.loads(second.stdout)["row_counts"]["claims_current"] == 5


def test_without_a_lake_it_says_what_to_do(tmp_path: Path) -> None:
    done = claims_aggregate(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: there is no lake",
        f"where: {tmp_path / 'lake'}",
        "try:   claims generate",
    ]
