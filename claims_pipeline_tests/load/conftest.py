"""What the tests of the loader share: a home and a ledger of one's own, on the server of the run."""

from pathlib import Path

import httpx
import pytest

from claims_pipeline.load.sending import client, send
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer
from claims_pipeline_tests.server_state import forget_marker


@pytest.fixture
def target(fhir_server: Settings, tmp_path: Path) -> Settings:
    """Settings of an installation that has loaded nothing yet, for the run's FHIR server."""
    forget_marker(fhir_server.fhir_base_url)
    return Settings(
        home=tmp_path / "home",
        fhir_base_url=fhir_server.fhir_base_url,
        fhir_wait_seconds=5,
        fhir_request_seconds=20,
        fhir_patience_seconds=60,
    )


@pytest.fixture
def fake_server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """A FHIR server in memory that every load of this test reaches; repeated requests wait milliseconds only."""
    server = FakeServer()
    monkeypatch.setattr(client, "transport", lambda _: httpx.ASGITransport(server))
    monkeypatch.setattr(client, "READY_POLL_SECONDS", 0.001)
    monkeypatch.setattr(send, "BACKOFF_BASE_SECONDS", 0.001)
    monkeypatch.setattr(send, "BACKOFF_CAP_SECONDS", 0.002)
    return server


@pytest.fixture
def fake_target(fake_server: FakeServer, tmp_path: Path) -> Settings:
    """Settings of an installation that has loaded nothing yet, for the server in memory."""
    del fake_server
    return Settings(home=tmp_path / "home", fhir_base_url=BASE, fhir_wait_seconds=0.1, fhir_patience_seconds=20)
