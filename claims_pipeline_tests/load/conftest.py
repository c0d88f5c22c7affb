"""What the tests of the loader share: a home and a ledger of one's own, on the server of the run."""

from pathlib import Path

import pytest

from claims_pipeline.settings import Settings
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
