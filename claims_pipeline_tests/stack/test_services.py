import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from claims_pipeline.errors import PortTaken, ServiceError
from claims_pipeline.processes import ProcessIdentity, free_port, write_pid_file
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


def test_the_dagster_ui_starts_once_answers_and_stops(settings: Settings) -> None:
    service = dagster(settings)

    services.start(service, settings)
    first = services.status(service, settings)
    services.start(service, settings)

    assert first.is_healthy
    assert services.status(service, settings) == first
    assert "dagster_version" in httpx.get(f"{service.url}/server_info").json()
    assert services.stop(service, settings)
    assert not services.stop(service, settings)
    assert services.status(service, settings).since is None


def test_a_taken_port_is_said_with_the_setting_that_moves_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.dagster_port)), pytest.raises(PortTaken) as caught:
        services.start(dagster(settings), settings)

    assert "CLAIMS_DAGSTER_PORT=<another port>" in caught.value.fix


def test_a_service_that_ends_at_once_names_its_log(settings: Settings) -> None:
    broken = Service("broken", ("/bin/sh", "-c", "echo no luck; exit 1"), free_port(), "CLAIMS_BROKEN_PORT", "/")

    with pytest.raises(ServiceError) as caught:
        services.start(broken, settings)

    assert Path(caught.value.where).read_text() == "no luck\n"


def test_a_stale_pid_file_counts_as_not_running(settings: Settings) -> None:
    write_pid_file(settings.home / "dagster.pid", ProcessIdentity(pid=1, started=0.0))

    assert services.status(dagster(settings), settings).since is None
    assert not services.stop(dagster(settings), settings)


def test_the_instance_folder_holds_the_settings_of_the_repository(settings: Settings) -> None:
    folder = services.dagster_instance(settings)

    assert (folder / "dagster.yaml").read_text() == Path("dagster.yaml").read_text()
