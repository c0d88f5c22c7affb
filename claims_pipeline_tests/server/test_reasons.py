"""Why the embedded server does not answer, found without asking it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from claims_pipeline import server
from claims_pipeline.errors import ServiceError
from claims_pipeline.ports import free_port
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.server.space import free_bytes, require_space
from claims_pipeline.settings import Settings
from claims_pipeline_tests.conftest import open_home

FULL_DISK_LOG = """\
2026-11-26 20:00:00.000 UTC [7] LOG:  checkpoint starting: time
2026-11-26 20:00:01.000 UTC [9] PANIC:  could not write to file "pg_wal/xlogtemp.9": No space left on device
2026-11-26 20:00:01.200 UTC [11] FATAL:  the database system is not yet accepting connections
2026-11-26 20:00:01.300 UTC [12] FATAL:  the database system is in recovery mode
2026-11-26 20:00:01.500 UTC [1] LOG:  database system is shut down
"""


@dataclass(frozen=True)
class Event:
    stage: str
    retries: int = 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server that was started once and whose PostgreSQL died of a full disk."""
    settings = Settings(home=tmp_path, fhir_port=free_port(), postgres_port=free_port())
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    postgres.data.mkdir(parents=True)
    (postgres.data / "PG_VERSION").write_text("18\n")
    postgres.log.write_text(FULL_DISK_LOG)
    hapi.home.mkdir()
    hapi.log.write_text("Caused by: java.net.ConnectException: Connection refused\n")
    return settings


def test_what_is_down_is_named_with_its_last_words_and_the_full_disk(settings: Settings) -> None:
    reason = server.trouble(settings, free=lambda _: 3_000_000)
    assert reason is not None
    assert 'PostgreSQL is down: [9] PANIC:  could not write to file "pg_wal/xlogtemp.9": No space left' in reason
    assert "HAPI FHIR is down: Caused by: java.net.ConnectException" in reason
    assert f"the disk of {settings.server_path} is full: 3 MB are free" in reason
    assert reason.endswith("make room, then claims server start")


def test_a_server_that_was_never_started_is_a_clear_error(tmp_path: Path) -> None:
    assert "never started" in (server.trouble(Settings(home=tmp_path)) or "")


def test_a_load_that_sends_again_reports_the_reason_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claims_pipeline.server.reasons.LOOK_SECONDS", 0.0)
    shown: list[Event] = []
    lines: list[str] = []
    on_progress = server.with_reasons(settings, shown.append, lines.append)

    on_progress(Event("claims"))
    assert lines == []
    for retries in (1, 2, 3):
        on_progress(Event("claims", retries))

    assert len(shown) == 4
    assert len(lines) == 1
    assert lines[0].startswith("the FHIR server does not answer: PostgreSQL is down: ")


def test_a_reason_is_reported_again_when_it_changes_when_it_returns_and_after_a_while(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000.0]
    reasons: dict[float, str | None] = {
        0: "PostgreSQL is down",
        10: "PostgreSQL is down",
        20: "HAPI FHIR is down",
        30: None,
    }
    monkeypatch.setattr("claims_pipeline.server.reasons.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("claims_pipeline.server.reasons.trouble", lambda _: reasons.get(clock[0] - 1_000, reasons[20]))
    told: list[tuple[int, str]] = []
    waiting = Event(f"waiting for {settings.fhir_base_url}")
    on_progress = server.with_reasons(
        settings, lambda _: None, lambda line: told.append((int(clock[0] - 1_000), line.rpartition(": ")[2]))
    )

    for second in range(0, 120, 10):
        clock[0] = 1_000.0 + second
        on_progress(waiting)

    assert told == [
        (0, "PostgreSQL is down"),
        (20, "HAPI FHIR is down"),
        (40, "HAPI FHIR is down"),
        (100, "HAPI FHIR is down"),
    ]


def test_a_load_that_waits_for_the_server_reports_the_reason(settings: Settings) -> None:
    lines: list[str] = []
    server.with_reasons(settings, lambda _: None, lines.append)(Event(f"waiting for {settings.fhir_base_url}"))
    assert len(lines) == 1


def test_another_server_is_not_looked_at(settings: Settings) -> None:
    lines: list[str] = []
    foreign = settings.model_copy(update={"fhir_base_url": "https://fhir.example.org/r4"})
    server.with_reasons(foreign, lambda _: None, lines.append)(Event("waiting for https://fhir.example.org/r4"))
    assert lines == []


def test_a_full_disk_is_reported_with_the_space_that_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="PostgreSQL needs 200 MB, 3 MB are free") as caught:
        require_space(
            tmp_path / "not yet" / "there",
            200_000_000,
            what="PostgreSQL",
            setting="CLAIMS_HOME",
            free=lambda _: 3_000_000,
        )
    assert "CLAIMS_HOME" in caught.value.fix


def test_the_room_of_a_folder_that_is_not_there_is_that_of_its_disk(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "there") > 0


@pytest.fixture
def elsewhere() -> Iterator[Settings]:
    home = open_home()
    yield Settings(home=home, fhir_port=free_port(), postgres_port=free_port())
    shutil.rmtree(home)


def test_a_start_on_a_full_disk_makes_no_database(elsewhere: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("claims_pipeline.server.postgres.FIRST_START_BYTES", 10**18)  # more than any disk has
    steps: list[str] = []
    with pytest.raises(ServiceError, match="the disk is full: PostgreSQL needs"):
        server.start(elsewhere, steps.append)
    assert steps == []
    assert not Postgres.of(elsewhere).home.exists()
