"""A load that is ended in the middle, by kill -9 or Ctrl-C, and run again."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from claims_pipeline.load import LoadOptions, load_files, load_lake, reconcile
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Proxy, Request, faulty
from claims_pipeline_tests.server_state import ids, versions

pytestmark = pytest.mark.server

KILLED_LOADS = [pytest.param(3, id="3 times"), pytest.param(20, id="20 times", marks=pytest.mark.slow)]


def slowly(request: Request) -> Fault | None:
    return Fault(delay_seconds=0.05) if request.number else None


def start_load(target: Settings, proxy: Proxy) -> subprocess.Popen[str]:
    environment = os.environ | {
        "CLAIMS_HOME": str(target.home),
        "CLAIMS_FHIR_BASE_URL": proxy.base_url,
        "CLAIMS_BATCH_SIZE": "2",
    }
    command = [sys.executable, "-m", "claims_pipeline.cli", "load", "--no-aggregate"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_bundles(proxy: Proxy, count: int) -> None:
    deadline = time.monotonic() + 30
    while proxy.bundles < count and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.parametrize("times", KILLED_LOADS)
def test_a_load_killed_at_random_moments_ends_in_the_same_state(target: Settings, times: int) -> None:
    shape = Shape(f"killed{times}", days=10, claims_a_day=20, patients=20)
    lake = tiny_lake(target.lake_path, shape)
    randomness = random.Random(times)  # noqa: S311 - the moments only have to differ

    with faulty(target.fhir_base_url, slowly) as proxy:
        for _ in range(times):
            bundles = proxy.bundles
            load = start_load(target, proxy)
            wait_for_bundles(proxy, bundles + 1 + randomness.randrange(100 // times))
            time.sleep(randomness.uniform(0, 0.1))
            load.kill()
            load.wait()
            for pipe in (load.stdout, load.stderr):
                assert pipe is not None
                pipe.close()
        report = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url}))
        again = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url}))

    assert report.exit_code == 0
    assert again.requests_with_resources == 0
    claims = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert claims == sorted(f"{shape.prefix}-claim-{day:%Y%m%d}-{i:06d}" for day in shape.dates for i in range(20))
    assert versions(target.fhir_base_url, "Claim", shape.prefix) == {1}
    assert reconcile(target, deep=True).is_equal


def start_reading(target: Settings) -> subprocess.Popen[str]:
    """Start a load of standard input that has read a resource and waits for more."""
    environment = os.environ | {"CLAIMS_HOME": str(target.home), "CLAIMS_FHIR_BASE_URL": target.fhir_base_url}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "claims_pipeline.cli", "load", "-"]
    load = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    deadline = time.monotonic() + 30
    while not spooled(target) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert load.stdin is not None
    load.stdin.write('{"resourceType":"Patient","id":"spooled-1"}\n')
    load.stdin.flush()
    return load


def spooled(target: Settings) -> list[Path]:
    return list(target.home.glob("spool/*/spool-*/keys.duckdb"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_load_that_is_ended_while_it_reads_reports_it_and_leaves_nothing(
    target: Settings, number: signal.Signals
) -> None:
    load = start_reading(target)
    assert spooled(target)

    load.send_signal(number)
    _, err = load.communicate(timeout=30)

    assert load.returncode == 130
    assert err.splitlines()[-2:] == [
        f"error: interrupted by {number.name}",
        "try:   run the same command again: it continues where it stopped",
    ]
    assert "Traceback" not in err
    assert not spooled(target)


def test_what_a_load_that_was_killed_has_spooled_is_removed_by_the_next(target: Settings, tmp_path: Path) -> None:
    load = start_reading(target)
    load.kill()
    load.communicate()
    assert spooled(target)
    file = tmp_path / "p.ndjson"
    file.write_text('{"resourceType":"Patient","id":"spooled-2"}\n')

    assert load_files([str(file)], target).exit_code == 0
    assert list(target.home.glob("spool/*/*")) == []


def test_what_another_ledgers_loader_spools_is_left_alone(target: Settings, tmp_path: Path) -> None:
    load = start_reading(target)
    file = tmp_path / "p.ndjson"
    file.write_text('{"resourceType":"Patient","id":"spooled-3"}\n')

    load_files([str(file)], target, ledger_path=tmp_path / "other.sqlite", options=LoadOptions(is_dry_run=True))

    assert spooled(target)
    load.terminate()
    load.communicate(timeout=30)


def test_ctrl_c_waits_for_what_is_in_flight_and_prints_the_report(target: Settings) -> None:
    shape = Shape("ctrlc", days=10, claims_a_day=20, patients=20)
    lake = tiny_lake(target.lake_path, shape)

    with faulty(target.fhir_base_url, slowly) as proxy:
        load = start_load(target, proxy)
        wait_for_bundles(proxy, 30)
        load.send_signal(signal.SIGINT)
        out, err = load.communicate(timeout=30)
        again = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url}))

    assert load.returncode == 130
    assert "interrupted by SIGINT" in out
    assert "failed: still to do" in out
    assert "Traceback" not in err
    assert again.exit_code == 0
    assert again.total.created > 0
    assert again.by_type["Claim"].loaded + again.by_type["Claim"].unchanged == 200
    assert again.total.already_equal == 0
