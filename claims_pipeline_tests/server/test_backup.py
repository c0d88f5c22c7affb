"""Backups: the real PostgreSQL alone where its content is what counts, the whole server where HAPI FHIR is."""

import resource
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from claims_pipeline import server
from claims_pipeline.errors import ConfigError, DataError, ServiceError
from claims_pipeline.ports import free_port
from claims_pipeline.server.postgres import DATABASE, Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.conftest import open_home

pytestmark = pytest.mark.server

NO_CACHE = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def database() -> Iterator[Settings]:
    """PostgreSQL without HAPI FHIR, with the one table that tells a FHIR server's database from others."""
    home = open_home()
    settings = Settings(home=home, fhir_port=free_port(), postgres_port=free_port())
    postgres = Postgres.of(settings)
    postgres.start(lambda _: None)
    assert postgres.query("CREATE TABLE hfj_resource AS SELECT * FROM generate_series(1, 100000) AS res_id") is not None
    yield settings
    server.stop(settings)
    shutil.rmtree(home)


@pytest.fixture
def stopped(database: Settings) -> Iterator[Settings]:
    """The same, stopped for one test."""
    Postgres.of(database).stop()
    yield database
    Postgres.of(database).start(lambda _: None)


def ask(settings: Settings, sql: str) -> str | None:
    """Return what the database answers, also that of a stopped server."""
    postgres = Postgres.of(settings)
    is_stopped = postgres.process() is None
    postgres.start(lambda _: None)
    try:
        return postgres.query(sql)
    finally:
        if is_stopped:
            postgres.stop()


def resources(settings: Settings) -> str | None:
    return ask(settings, "SELECT count(*) FROM hfj_resource")


def databases(settings: Settings) -> str | None:
    return ask(settings, "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate")


def test_a_stopped_server_is_backed_up_and_restored_and_stays_stopped(stopped: Settings, tmp_path: Path) -> None:
    file = tmp_path / "fhir.backup"

    size = server.backup(stopped, file)
    ask(stopped, "TRUNCATE hfj_resource; CREATE TABLE of_later AS SELECT 1 AS number")
    is_running = server.restore(stopped, file)

    assert size == file.stat().st_size
    assert not is_running
    assert server.status(stopped).state == "stopped"
    assert resources(stopped) == "100000"
    assert ask(stopped, "SELECT to_regclass('of_later') IS NULL") == "t"
    assert databases(stopped) == f"{DATABASE} postgres"


def test_a_backup_is_for_its_owner_only_and_nothing_else_is_left_in_its_folder(
    database: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "fhir.backup"
    server.backup(database, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_there_is_replaced_only_by_force(database: Settings, tmp_path: Path) -> None:
    file = tmp_path / "fhir.backup"
    file.write_text("precious")
    with pytest.raises(ConfigError, match="there already") as caught:
        server.backup(database, file)
    assert "--force" in caught.value.fix
    assert file.read_text() == "precious"
    server.backup(database, file, has_force=True)
    assert "UTC" in server.require_backup(database, file)


@pytest.mark.parametrize(
    ("file", "message"),
    [("/nowhere/fhir.backup", "no such folder"), ("/dev/null", "has to be a file"), ("/", "has to be a file")],
)
def test_a_place_that_takes_no_backup_is_refused_before_anything_is_started(
    database: Settings, file: str, message: str
) -> None:
    steps: list[str] = []
    with pytest.raises(ConfigError, match=message):
        server.backup(database, Path(file), has_force=True, on_step=steps.append)
    assert steps == []


def test_a_folder_that_cannot_be_written_is_named(database: Settings) -> None:
    closed_to_root_too = Path("/sys/fhir.backup")
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        server.backup(database, closed_to_root_too)
    assert caught.value.where == str(closed_to_root_too)


def test_a_dump_that_dies_in_the_middle_leaves_no_half_a_backup(database: Settings, tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, limits[1]))  # bytes that a file may have
        with pytest.raises(ServiceError, match="could not be made: it ended with code"):
            server.backup(database, tmp_path / "fhir.backup")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_was_has_no_backup(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(ServiceError, match="no server to back up yet"):
        server.backup(settings, tmp_path / "fhir.backup")
    assert not settings.home.exists()


def test_a_backup_makes_a_server_where_there_was_none(database: Settings, tmp_path: Path) -> None:
    server.backup(database, tmp_path / "fhir.backup")
    home = open_home()
    fresh = Settings(home=home, fhir_port=free_port(), postgres_port=free_port())
    try:
        server.restore(fresh, tmp_path / "fhir.backup")
        assert resources(fresh) == "100000"
    finally:
        shutil.rmtree(home)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "a text": lambda _: b"id,amount\n1,2\n",
    "empty": lambda _: b"",
    "cut within its list of contents": lambda whole: whole[:2_000],
    "cut within its data": lambda whole: whole[: len(whole) // 3],
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_file_that_is_no_whole_backup_changes_nothing(database: Settings, tmp_path: Path, how: str) -> None:
    file = tmp_path / "fhir.backup"
    server.backup(database, file)
    file.write_bytes(BROKEN[how](file.read_bytes()))

    with pytest.raises(DataError, match=r"this is no backup of a server|cannot be restored") as caught:
        server.restore(database, file)

    assert caught.value.where == str(file)
    assert resources(database) == "100000"
    assert databases(database) == f"{DATABASE} postgres"


def test_a_backup_for_which_there_is_no_room_changes_nothing(
    database: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fhir.backup"
    server.backup(database, file)
    monkeypatch.setattr("claims_pipeline.server.space.shutil.disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    steps: list[str] = []

    with pytest.raises(
        ServiceError, match=r"the disk is full: the restored database needs \d+ MB, 3 MB are free"
    ) as refused:
        server.restore(database, file, steps.append)

    assert "CLAIMS_HOME" in refused.value.fix
    assert steps == []
    assert databases(database) == f"{DATABASE} postgres"


def test_a_missing_backup_file_is_reported(database: Settings, tmp_path: Path) -> None:
    steps: list[str] = []
    with pytest.raises(ConfigError, match="there is no such file"):
        server.restore(database, tmp_path / "fhir.backup", steps.append)
    assert steps == []


def test_the_backup_of_another_database_is_refused(database: Settings, tmp_path: Path) -> None:
    postgres, file = Postgres.of(database), tmp_path / "other.backup"
    with file.open("wb") as target:
        postgres.run_client("pg_dump", "--format=custom", database="postgres", stdout=target)
    with pytest.raises(DataError, match="of another database, not of a FHIR server"):
        server.restore(database, file)


def test_what_a_killed_restore_left_is_cleared_away_by_the_next(database: Settings, tmp_path: Path) -> None:
    server.backup(database, tmp_path / "fhir.backup")
    for leftover in ("fhir_restoring", "fhir_replaced"):
        ask(database, f"CREATE DATABASE {leftover}")
    server.restore(database, tmp_path / "fhir.backup")
    assert databases(database) == f"{DATABASE} postgres"


def test_a_server_at_work_is_backed_up_and_comes_back_as_it_was(fhir_server: Settings, tmp_path: Path) -> None:
    file = tmp_path / "fhir.backup"
    put_claim(fhir_server, "backup-kept", diagnosis="Z99.1")
    before = server.status(fhir_server)

    server.backup(fhir_server, file)
    assert server.status(fhir_server).hapi == before.hapi
    put_claim(fhir_server, "backup-undone", diagnosis="Z99.1")
    (fhir_server.home / "cut.backup").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be restored"):
        server.restore(fhir_server, fhir_server.home / "cut.backup")
    assert server.status(fhir_server).hapi == before.hapi
    assert claims_with(fhir_server, "Z99.1") == ["backup-kept", "backup-undone"]

    is_running = server.restore(fhir_server, file)

    after = server.status(fhir_server)
    assert is_running
    assert after.is_healthy
    assert (after.hapi != before.hapi, after.postgres) == (True, before.postgres)
    assert after.resource_counts == before.resource_counts
    assert claims_with(fhir_server, "Z99.1") == ["backup-kept"]
    put_claim(fhir_server, "backup-afterwards", diagnosis="Z99.1")
    assert claims_with(fhir_server, "Z99.1") == ["backup-afterwards", "backup-kept"]


def put_claim(settings: Settings, claim_id: str, *, diagnosis: str) -> None:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": diagnosis}
    claim = {
        "resourceType": "Claim",
        "id": claim_id,
        "status": "active",
        "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"coding": [coding]}}],
    }
    httpx.put(f"{settings.fhir_base_url}/Claim/{claim_id}", json=claim, trust_env=False).raise_for_status()


def claims_with(settings: Settings, diagnosis: str) -> list[str]:
    address = f"{settings.fhir_base_url}/Claim"
    found = httpx.get(address, params={"diagnosis": diagnosis}, headers=NO_CACHE, trust_env=False).raise_for_status()
    return sorted(entry["resource"]["id"] for entry in found.json().get("entry", []))
