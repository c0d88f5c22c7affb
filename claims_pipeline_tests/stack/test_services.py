import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from claims_pipeline.errors import PortTaken, ServiceError
from claims_pipeline.orchestration.event_storage import BatchingEventLogStorage
from claims_pipeline.ports import free_port, port_holder
from claims_pipeline.processes import ProcessIdentity, identify, start_detached, wait_until, write_pid_file
from claims_pipeline.settings import Settings, load_settings
from claims_pipeline.stack import services
from claims_pipeline.stack.services import Service


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = load_settings(home=tmp_path, dashboard_port=free_port(), dagster_port=free_port())
    yield settings
    for service in services.services(settings):
        services.stop(service, settings)


def dagster(settings: Settings) -> Service:
    return next(service for service in services.services(settings) if service.name == "dagster")


def test_a_taken_port_is_reported_with_the_setting_that_changes_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.dagster_port)), pytest.raises(PortTaken) as caught:
        services.start(dagster(settings), settings)

    assert "CLAIMS_DAGSTER_PORT=<another port>" in caught.value.fix


def test_a_service_that_ends_at_once_names_its_log(settings: Settings) -> None:
    broken = Service(
        "broken",
        ("/bin/sh", "-c", "echo no luck; exit 1"),
        f"http://127.0.0.1:{free_port()}",
        "/",
        "CLAIMS_BROKEN_PORT",
    )

    with pytest.raises(ServiceError) as caught:
        services.start(broken, settings)

    assert Path(caught.value.where).read_text() == "no luck\n"


@pytest.mark.server
def test_the_reason_for_which_the_dashboard_does_not_start_is_reported(settings: Settings) -> None:
    open_to_all = load_settings(home=settings.home, dashboard_port=free_port(), dashboard_host="0.0.0.0")  # noqa: S104
    dashboard, _ = services.services(open_to_all)

    with pytest.raises(ServiceError, match="dashboard needs a password"):
        services.start(dashboard, open_to_all)

    assert services.status(dashboard, open_to_all).since is None


@pytest.mark.server
def test_a_running_dashboard_is_not_moved_and_not_stopped_for_another_port(settings: Settings) -> None:
    dashboard, _ = services.services(settings)
    services.start(dashboard, settings)
    moved = load_settings(home=settings.home, dashboard_port=free_port())

    with pytest.raises(ServiceError, match=f"runs .*but not at {moved.dashboard_url}"):
        services.start(services.services(moved)[0], moved)

    assert services.status(dashboard, settings).is_healthy


def test_what_a_killed_service_left_behind_is_stopped(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    listener = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {listener!r}])"
    service = Service("family", (sys.executable, "-c", parent), f"http://127.0.0.1:{port}", "/", "CLAIMS_FAMILY_PORT")
    process = start_detached(service.command, log=tmp_path / "log")
    write_pid_file(settings.home / "family.pid", process)
    assert wait_until(lambda: port_holder(port) is not None, seconds=10)

    os.kill(process.pid, signal.SIGKILL)
    assert wait_until(lambda: identify(process.pid) is None, seconds=5)
    now = services.status(service, settings)
    assert now.since is None
    assert len(now.left_behind) == 1
    assert port_holder(port)

    assert services.stop(service, settings)
    assert port_holder(port) is None
    assert not services.stop(service, settings)


def test_a_stale_pid_file_counts_as_not_running(settings: Settings) -> None:
    write_pid_file(settings.home / "dagster.pid", ProcessIdentity(pid=1, started=0.0))

    assert services.status(dagster(settings), settings).since is None
    assert not services.stop(dagster(settings), settings)


def test_the_instance_folder_holds_the_settings_of_the_repository(settings: Settings) -> None:
    folder = services.dagster_instance(settings)

    assert (folder / "dagster.yaml").read_text().startswith(Path("dagster.yaml").read_text())
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert isinstance(instance.event_log_storage, BatchingEventLogStorage)
