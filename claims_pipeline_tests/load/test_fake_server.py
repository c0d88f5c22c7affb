"""The server in memory, by what the loader asks of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, load_files, reconcile, remove
from claims_pipeline.load.reconciling.marker import MARKER_PATH
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, about, everything


def ndjson(path: Path, *resources: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    return str(path)


@pytest.fixture
def people(tmp_path: Path) -> str:
    organization = {"resourceType": "Organization", "id": "o-1", "name": "Example"}
    patients = [
        {"resourceType": "Patient", "id": f"p-{n}", "managingOrganization": {"reference": "Organization/o-1"}}
        for n in range(120)
    ]
    return ndjson(tmp_path / "people.ndjson", organization, *patients)


@pytest.mark.heavy
def test_a_load_a_reload_a_reconciliation_and_a_removal(
    fake_server: FakeServer, fake_target: Settings, people: str
) -> None:
    first = load_files([people], fake_target)
    assert first.total == Counts(read=121, created=121)
    assert first.requests_with_resources == len(fake_server.transactions) == first.status_codes["200"]
    assert first.requests == len(fake_server.requests)
    assert first.in_flight[0][1] == 2
    assert 0 < first.sending_seconds <= first.seconds
    assert first.by_day == {}
    assert len(fake_server.names("Patient")) == 120
    fake_server.requests.clear()
    assert load_files([people], fake_target).total == Counts(read=121, unchanged=121)
    assert [(request.method, request.path) for request in fake_server.requests] == [("GET", MARKER_PATH)]
    assert load_files([people], fake_target, full=True).total == Counts(read=121, already_equal=121)
    assert reconcile(fake_target, deep=True).is_equal
    assert remove(fake_target).exit_code == 0
    assert fake_server.held == {}


@pytest.mark.heavy
def test_a_rule_applies_to_the_resource_that_it_is_about(
    fake_server: FakeServer, fake_target: Settings, people: str
) -> None:
    fake_server.behave(about("Patient/p-7", 422, "HAPI-0931: not this one"))

    assert load_files([people], fake_target).total == Counts(read=121, created=120, rejected=1)
    assert "Patient/p-7" not in fake_server.held


def test_a_server_that_fails_everything_is_not_ready(
    fake_server: FakeServer, fake_target: Settings, people: str
) -> None:
    from claims_pipeline.errors import ServerUnavailable

    fake_server.behave(everything(500))
    with pytest.raises(ServerUnavailable):
        load_files([people], fake_target)
