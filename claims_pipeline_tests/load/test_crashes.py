"""Crashes of the disk, PostgreSQL and HAPI FHIR during a load, and two loaders at once."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest

from claims_pipeline import server
from claims_pipeline.lake import Lake
from claims_pipeline.load import LoadReport, load_lake, reconcile
from claims_pipeline.processes import ProcessIdentity
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.cli.running import run_claims
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Request, faulty
from claims_pipeline_tests.server_state import ids, versions

pytestmark = pytest.mark.server

COMMAND = [sys.executable, "-m", "claims_pipeline.cli", "load", "--no-aggregate"]


def slowly(request: Request) -> Fault | None:
    return Fault(delay_seconds=0.05) if request.number else None


def kill(process: ProcessIdentity | None) -> None:
    assert process is not None
    found = psutil.Process(process.pid)
    found.kill()
    found.wait(10)


def load_meanwhile(target: Settings, lake: Lake, event: Callable[[], None], **values: object) -> LoadReport:
    """Load in another thread, and let the event happen after some bundles."""
    reports: list[LoadReport] = []
    with faulty(target.fhir_base_url, slowly) as proxy:
        settings = target.model_copy(
            update={
                "fhir_base_url": proxy.base_url,
                "batch_size": 4,
                "fhir_wait_seconds": 60,
                "fhir_patience_seconds": 180,
                **values,
            }
        )
        loading = threading.Thread(target=lambda: reports.append(load_lake(lake, settings)))
        loading.start()
        while proxy.bundles < 15 and loading.is_alive():
            time.sleep(0.01)
        event()
        loading.join(240)
    return reports[0]


def require_equal(target: Settings, shape: Shape, report: LoadReport) -> None:
    assert report.exit_code == 0
    claims = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert len(claims) == shape.days * shape.claims_a_day
    assert versions(target.fhir_base_url, "Claim", shape.prefix) == {1}
    assert reconcile(target, deep=True).is_equal


def test_postgresql_killed_and_restarted_in_mid_load_loses_nothing(target: Settings, fhir_server: Settings) -> None:
    shape = Shape("pgkill", days=8, claims_a_day=15, patients=15)
    lake = tiny_lake(target.lake_path, shape)

    def crash() -> None:
        kill(Postgres.of(fhir_server).process())
        time.sleep(1.0)
        Postgres.of(fhir_server).start(lambda _: None)

    require_equal(target, shape, load_meanwhile(target, lake, crash))


@pytest.mark.slow
def test_hapi_killed_and_restarted_in_mid_load_loses_nothing(target: Settings, fhir_server: Settings) -> None:
    shape = Shape("hapikill", days=8, claims_a_day=15, patients=15)
    lake = tiny_lake(target.lake_path, shape)

    def crash() -> None:
        kill(Hapi.of(fhir_server).process())
        server.start(fhir_server)

    require_equal(target, shape, load_meanwhile(target, lake, crash))


def test_hapi_that_hangs_in_mid_load_and_writes_later_loses_nothing(target: Settings, fhir_server: Settings) -> None:
    shape = Shape("hang", days=8, claims_a_day=15, patients=15)
    lake = tiny_lake(target.lake_path, shape)
    hapi = Hapi.of(fhir_server).process()
    assert hapi is not None

    def hang() -> None:
        process = psutil.Process(hapi.pid)
        process.suspend()
        time.sleep(6.0)
        process.resume()

    # a busy server may need more than one second for an answer
    report = load_meanwhile(target, lake, hang, fhir_request_seconds=3.0)

    assert report.status_codes["timeout"] > 0
    require_equal(target, shape, report)


def test_a_full_disk_at_the_ledger_is_a_clear_error_and_the_next_load_continues(target: Settings) -> None:
    shape = Shape("nospace", days=10, claims_a_day=40, patients=40)
    lake = tiny_lake(target.lake_path, shape)
    environment = {
        "CLAIMS_HOME": str(target.home),
        "CLAIMS_FHIR_BASE_URL": target.fhir_base_url,
        "PATH": "/usr/bin:/bin",
    }
    limited = ["bash", "-c", 'ulimit -f 150; exec "$@"', "bash", *COMMAND]  # files of at most 150 KiB

    done = subprocess.run(limited, env=environment, capture_output=True, text=True, check=False)

    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert "the ledger cannot be used" in told
    assert "Traceback" not in told
    require_equal(target, shape, load_lake(lake, target))


def test_a_ledger_that_cannot_be_written_is_reported(target: Settings) -> None:
    tiny_lake(target.lake_path, Shape("read-only", days=1))
    closed_to_root_too = "/sys/ledger.sqlite"
    environment = {"CLAIMS_HOME": str(target.home), "CLAIMS_FHIR_BASE_URL": target.fhir_base_url}

    done = run_claims("load", "--no-aggregate", "--hash-file", closed_to_root_too, **environment)

    assert done.returncode == 1
    assert "make the file and its folder writable" in done.stderr


def test_the_second_of_two_loaders_fails_with_an_error_and_nothing_is_loaded_twice(target: Settings) -> None:
    shape = Shape("two", days=6, claims_a_day=15, patients=15)
    lake = tiny_lake(target.lake_path, shape)
    with faulty(target.fhir_base_url, lambda r: Fault(delay_seconds=0.5) if r.number else None) as proxy:
        environment = {"CLAIMS_HOME": str(target.home), "CLAIMS_FHIR_BASE_URL": proxy.base_url, "PATH": "/usr/bin:/bin"}
        command = [*COMMAND, "--batch-size", "4"]
        first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while proxy.bundles < 1 and first.poll() is None:
            time.sleep(0.01)
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        waiting = subprocess.run([*command, "--wait"], env=environment, capture_output=True, text=True, check=False)
        first_out, first_err = first.communicate(timeout=60)

    assert (first.returncode, first_err.count("Traceback")) == (0, 0), first_out
    assert refused.returncode == 1
    assert f"another loader writes with this ledger: process {first.pid}" in refused.stderr
    assert waiting.returncode == 0
    assert "nothing was sent, all of it is unchanged" in waiting.stdout
    require_equal(target, shape, load_lake(lake, target))
