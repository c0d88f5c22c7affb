"""A range run in this process: what fails in an asset comes out as the error that it is."""

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline.definitions import defs
from claims_pipeline.errors import ConfigError, FeedMismatch, Interrupted, ServerUnavailable
from claims_pipeline.lake import Feed, require_feed
from claims_pipeline.orchestration.run import materialize_range
from claims_pipeline.ports import free_port
from claims_pipeline.signals import handlers_restored
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, Request

pytestmark = pytest.mark.heavy

FEED = Feed(seed=7, patients=20, claims=40, start_date=date(2025, 1, 1), end_date=date(2025, 1, 3))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation whose FHIR server does not answer."""
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", f"http://127.0.0.1:{free_port()}/fhir")
    monkeypatch.setenv("CLAIMS_FHIR_WAIT_SECONDS", "0.2")
    require_feed(tmp_path / "lake", FEED)
    (tmp_path / "dagster").mkdir()
    return tmp_path


def materialize(home: Path, start: date = FEED.start_date) -> str:
    return materialize_range(defs, instance_folder=home / "dagster", start=start, end=FEED.end_date)


def test_a_server_that_does_not_answer_is_reported_with_its_address_and_the_run(home: Path) -> None:
    with pytest.raises(ServerUnavailable, match="connection refused") as caught:
        materialize(home)

    assert caught.value.where.startswith(f"{os.environ['CLAIMS_FHIR_BASE_URL']}, Dagster run ")
    assert "claims server start" in caught.value.fix
    assert (home / "analytics.duckdb").exists()
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs = instance.get_runs()
    assert {run.job_name for run in runs} == {"daily_feed", "refresh"}
    assert all(run.remote_job_origin for run in runs)  # without it the UI cannot run them again


def test_another_feed_is_an_error_of_the_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_SEED", "8")

    with pytest.raises(ConfigError, match="seed: the lake has 7, wanted 8") as caught:
        materialize(home)

    assert caught.value.exit_code == FeedMismatch.exit_code


def test_a_feed_that_begins_before_the_partitions_is_refused_with_the_variable_to_set(home: Path) -> None:
    with pytest.raises(ConfigError, match="the feed begins on 2024-12-31") as caught:
        materialize(home, date(2024, 12, 31))

    assert caught.value.fix == "set CLAIMS_START_DATE=2024-12-31"


def test_a_signal_while_a_load_sends_ends_the_run_and_nothing_more_is_built(
    home: Path, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(request: Request) -> None:
        if request.is_transaction:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", BASE)
    fake_server.behave(interrupt)

    with pytest.raises(Interrupted, match="interrupted by SIGINT"), handlers_restored():
        materialize(home)

    assert not (home / "analytics.duckdb").exists()


@pytest.mark.usefixtures("home")
def test_an_interrupted_demo_ends_with_130_and_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_WAIT_SECONDS", "120")
    command = [sys.executable, "-m", "claims_pipeline.cli", "demo", "--once"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr
        written = ""
        deadline = time.monotonic() + 60
        while "fhir_load: waiting" not in written and time.monotonic() < deadline:
            written += demo.stderr.readline()
        demo.send_signal(signal.SIGINT)
        written += demo.communicate(timeout=30)[1]

    assert demo.returncode == 130, written
    assert "Traceback" not in written
    assert "error: interrupted; nothing that it started still runs\nwhere: Dagster run " in written
