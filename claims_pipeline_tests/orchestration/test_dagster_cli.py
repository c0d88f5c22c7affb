"""The commands of the dagster CLI that README and docs/orchestration.md name, on an ephemeral instance."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from dagster._cli.asset import asset_materialize_command

from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.schema import CLAIMS
from claims_pipeline_tests.load.fake_server import BASE, FakeServer

FEED = Feed(seed=5, patients=30, claims=60, start_date=date(2025, 1, 10), end_date=date(2025, 1, 19))
pytestmark = pytest.mark.filterwarnings("ignore:Function `asset_materialize_command` is superseded")

MODULE = ("-m", "claims_pipeline.definitions")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with a feed, for a FHIR server that the test puts in memory."""
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", BASE)
    monkeypatch.setenv("CLAIMS_FHIR_WAIT_SECONDS", "1")
    require_feed(tmp_path / "lake", FEED)
    return tmp_path


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(("--partition", "2025-01-13"), ["2025-01-13"], marks=pytest.mark.slow),
        (("--partition-range", "2025-01-11...2025-01-13"), ["2025-01-11", "2025-01-12", "2025-01-13"]),
    ],
)
def test_one_day_or_a_range_of_all_assets_is_materialized_and_loaded(
    home: Path, fake_server: FakeServer, days: tuple[str, str], expected: list[str]
) -> None:
    result = CliRunner().invoke(asset_materialize_command, [*MODULE, "--select", "*", *days])

    assert result.exit_code == 0, result.output
    assert [str(day) for day in Lake(home / "lake").days(CLAIMS)] == expected
    assert fake_server.names("Claim")
    assert (home / "analytics.duckdb").exists()


@pytest.mark.slow
def test_a_faulty_server_makes_the_command_fail(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", "not an address")

    result = CliRunner().invoke(asset_materialize_command, [*MODULE, "--select", "*", "--partition", "2025-01-12"])

    assert result.exit_code == 1
    assert Lake(home / "lake").days(CLAIMS) == []


@pytest.mark.slow
def test_the_lineage_is_printed_as_json() -> None:
    command = [sys.executable, "-m", "claims_pipeline.definitions"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert "claims" in json.loads(printed)["fhir_load"]["parents"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("definitions", "validate", *MODULE), ""),
        (("schedule", "preview", *MODULE), "daily_schedule"),
        (("sensor", "preview", *MODULE, "missing_days_sensor"), "Sensor returned false"),  # the server does not answer
    ],
)
def test_definitions_are_validated_and_ticks_evaluated(home: Path, arguments: tuple[str, ...], said: str) -> None:
    instance = home / "dagster"  # a preview reads the instance, which these commands do not make up
    instance.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "dagster", *arguments]
    environment = os.environ | {"DAGSTER_HOME": str(instance)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, env=environment)

    assert done.returncode == 0, done.stderr
    assert said in done.stdout + done.stderr
