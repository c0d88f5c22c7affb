"""docker-compose.yml and the image: against the Compose specification's schema, and what a schema cannot see."""

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from claims_pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
RUNS_ONCE = {"prepare"}


def violations_of_the_specification(file: Path) -> list[str]:
    command = [
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "--output-format",
        "json",
        str(file),
    ]
    answer = json.loads(subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False).stdout)
    return [error["message"] for error in answer.get("errors", [])]


def test_the_file_follows_the_compose_specification() -> None:
    assert violations_of_the_specification(FILE) == []


def test_the_check_would_notice_a_violation(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("healthcheck:", "health_check:"), encoding="utf-8")
    assert violations_of_the_specification(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_this_machine_only(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", SERVICES.keys() - RUNS_ONCE)
def test_every_service_that_stays_has_a_health_check_and_comes_back(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"]
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_every_volume_is_named_and_every_named_volume_is_used() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == COMPOSE["volumes"].keys()


def test_every_service_that_is_waited_for_can_be() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            if name in RUNS_ONCE:
                assert wait["condition"] == "service_completed_successfully"
            else:
                assert wait["condition"] == "service_healthy"
                assert "healthcheck" in SERVICES[name]


def test_nothing_is_loaded_before_the_server_is_prepared() -> None:
    for loads in ("dagster-webserver", "dagster-daemon"):
        assert "prepare" in SERVICES[loads]["depends_on"]


def test_images_have_a_version() -> None:
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.fullmatch(r"[\w/]+:v?\d[\w.-]*", image) for image in images), images


def test_every_setting_that_is_given_exists() -> None:
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    ours = {name.removeprefix("CLAIMS_").lower() for name in given if name.startswith("CLAIMS_")}
    assert ours <= Settings.model_fields.keys()


def test_every_command_is_one_that_the_image_has() -> None:
    ours = [service["command"][0] for service in SERVICES.values() if "build" in service]
    assert set(ours) <= {script.name for script in entry_points(group="console_scripts")}


def test_the_image_installs_what_is_pinned_and_runs_as_an_ordinary_user() -> None:
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert any("pip install" in step and "--require-hashes" in step for step in steps)
    assert [step for step in steps if step.startswith("USER")] == ["USER claims"]


def test_the_build_context_holds_all_that_the_image_copies() -> None:
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {
        name for step in steps if step.startswith("COPY") for name in step.split()[1:-1] if not name.startswith("--")
    }
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
