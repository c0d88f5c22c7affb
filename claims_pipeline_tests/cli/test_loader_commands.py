"""`claims load FILE`, `dead-letters`, `reconcile` and `remove` as a person runs them one after the other."""

import json
import subprocess
from pathlib import Path

import pytest

from claims_pipeline.settings import Settings
from claims_pipeline_tests.cli.running import run_claims
from claims_pipeline_tests.server_state import forget_marker, ids

pytestmark = pytest.mark.server

GOOD = {"resourceType": "Patient", "id": "cli-good", "gender": "male"}
POISON = {"resourceType": "Patient", "id": "cli-poison", "gender": "nonsense"}


@pytest.fixture
def home(fhir_server: Settings, tmp_path: Path) -> Path:
    forget_marker(fhir_server.fhir_base_url)
    return tmp_path


def claims(home: Path, base_url: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return run_claims(*arguments, text=text, CLAIMS_HOME=str(home), CLAIMS_FHIR_BASE_URL=base_url)


def test_a_report_that_cannot_be_kept_is_still_shown(fhir_server: Settings, home: Path) -> None:
    (home / "runs").write_text("not a folder")

    loaded = claims(home, fhir_server.fhir_base_url, "load", "-", "--json", text=json.dumps(GOOD | {"id": "kept-1"}))

    assert loaded.returncode == 0
    assert json.loads(loaded.stdout)["total"]["loaded"] == 1
    assert f"warning: the report cannot be kept: File exists\nwhere: {home / 'runs'}" in loaded.stderr


def test_a_poisoned_file_from_standard_input_to_its_removal(fhir_server: Settings, home: Path) -> None:
    base_url = fhir_server.fhir_base_url
    text = "".join(json.dumps(resource) + "\n" for resource in (GOOD, POISON))

    loaded = claims(home, base_url, "load", "-", "--json", text=text)
    report = json.loads(loaded.stdout)
    assert (loaded.returncode, report["by_type"]["Patient"]["created"], report["total"]["rejected"]) == (1, 1, 1)
    assert len(list((home / "runs").glob("*-load-*.json"))) == 1

    listed = claims(home, base_url, "dead-letters", "list")
    assert listed.returncode == 1
    assert "Patient/cli-poison from standard input:2 (HTTP 400)" in listed.stdout
    assert "HAPI-0450, HAPI-1821: invalid value, unknown code" in listed.stdout
    assert "nonsense" not in listed.stdout

    shown = claims(home, base_url, "dead-letters", "show", "Patient/cli-poison")
    assert "http_status     400" in shown.stdout
    assert "nonsense" in shown.stdout
    assert '"resourceType"' not in shown.stdout

    unknown = claims(home, base_url, "dead-letters", "show", "Patient/nobody")
    assert (unknown.returncode, unknown.stderr.splitlines()[0]) == (2, "error: no dead letter: Patient/nobody")

    retried = claims(home, base_url, "dead-letters", "retry")
    assert retried.returncode == 1
    assert "rejected Patient/cli-poison" in retried.stdout

    reconciled = claims(home, base_url, "reconcile", "--deep")
    assert reconciled.returncode == 0
    assert "The server holds what the ledger says." in reconciled.stdout

    refused = claims(home, base_url, "remove", text="n\n")
    assert refused.returncode == 1
    assert ids(base_url, "Patient", "cli-") == ["cli-good"]

    removed = claims(home, base_url, "remove", "--yes")
    assert removed.returncode == 0
    assert ids(base_url, "Patient", "cli-") == []
