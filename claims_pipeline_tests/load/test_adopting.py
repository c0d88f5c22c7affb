"""A ledger and a server that do not belong together: refused, adopted, or reset (with the server in memory)."""

import json
from pathlib import Path

import pytest

from claims_pipeline.errors import FhirError, LedgerMismatch
from claims_pipeline.load import Counts, LoadOptions, LoadReport, OnMismatch, Vanished, load_files, reconcile
from claims_pipeline.load.reconciling.marker import MARKER_PATH
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer, Response, Stored, about, stored
from claims_pipeline_tests.load.sources.samples import ndjson, observation, patient


@pytest.fixture
def file(fake_target: Settings, tmp_path: Path) -> Path:
    """A file that has been loaded."""
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("a"), patient("b"), observation("o", "Patient/b")))
    load(fake_target, file)
    return file


def load(target: Settings, file: Path, on_mismatch: OnMismatch = OnMismatch.REFUSE) -> LoadReport:
    return load_files([str(file)], target, options=LoadOptions(on_mismatch=on_mismatch))


def change_marker(server: FakeServer, *, generation: int = 0, ledger_id: str = "") -> None:
    """Add to the generation that the marker says, or let it name another ledger."""
    version, marker, _ = server.held[MARKER_PATH]
    changed = json.loads(json.dumps(marker))
    changed["extension"][0]["valueInteger"] += generation
    if ledger_id:
        changed["identifier"][0]["value"] = f"urn:uuid:{ledger_id}"
    server.held[MARKER_PATH] = stored(version, changed)


def restore(server: FakeServer, backup: dict[str, Stored]) -> None:
    server.held = dict(backup)


@pytest.mark.heavy
def test_a_wiped_server_is_refused_and_filled_again(fake_server: FakeServer, fake_target: Settings, file: Path) -> None:
    fake_server.wipe()

    with pytest.raises(LedgerMismatch, match="was wiped"):
        load(fake_target, file)
    assert fake_server.held == {}

    assert load(fake_target, file, OnMismatch.ADOPT).total == Counts(read=3, created=3)
    assert reconcile(fake_target, deep=True).is_equal


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("generation", "ledger_id", "reason"),
    [
        (-1, "", "restored from a backup that is older than the last load"),
        (1, "", "the ledger is older than the server"),
        (0, "another", "another ledger fills this server"),
        (5, "another", "another ledger fills this server"),
    ],
)
def test_a_marker_that_does_not_fit_is_refused_and_adopted(
    fake_server: FakeServer, fake_target: Settings, file: Path, generation: int, ledger_id: str, reason: str
) -> None:
    change_marker(fake_server, generation=generation, ledger_id=ledger_id)
    before = dict(fake_server.held)

    with pytest.raises(LedgerMismatch, match=reason):
        load(fake_target, file)
    with pytest.raises(LedgerMismatch, match=reason):
        reconcile(fake_target)
    assert fake_server.held == before

    assert load(fake_target, file, OnMismatch.ADOPT).total == Counts(read=3, unchanged=3)
    assert load(fake_target, file).requests_with_resources == 0


@pytest.mark.heavy
def test_adopting_finds_what_a_restored_server_lacks_has_in_another_version_and_has_again(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    backup = dict(fake_server.held)
    file.write_text(ndjson(patient("a", gender="other"), patient("new")))
    options = LoadOptions(vanished=Vanished.DELETE)
    load_files([str(file)], fake_target, options=options)
    assert fake_server.names() == ["Patient/a", "Patient/new"]
    restore(fake_server, backup)

    with pytest.raises(LedgerMismatch):
        load(fake_target, file)
    report = load(fake_target, file, OnMismatch.ADOPT)

    assert report.total == Counts(read=2, created=1, updated=1)
    assert report.vanished == {"Observation kept": 1, "Patient kept": 1}
    assert load_files([str(file)], fake_target, options=options).exit_code == 0
    assert fake_server.names() == ["Patient/a", "Patient/new"]


@pytest.mark.heavy
@pytest.mark.usefixtures("file")
def test_a_new_version_with_the_same_content_is_looked_at_once(fake_server: FakeServer, fake_target: Settings) -> None:
    def requests_of_a_comparison() -> int:
        before = len(fake_server.requests)
        assert reconcile(fake_target, deep=True, repair=True).is_equal
        return len(fake_server.requests) - before

    of_versions = requests_of_a_comparison()
    fake_server.held["Patient/a"] = fake_server.held["Patient/a"]._replace(version=7)

    assert requests_of_a_comparison() > of_versions
    assert requests_of_a_comparison() == of_versions


@pytest.mark.heavy
def test_a_reset_sends_everything_and_duplicates_nothing(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    change_marker(fake_server, ledger_id="another")

    assert load(fake_target, file, OnMismatch.RESET).total == Counts(read=3, already_equal=3)
    assert fake_server.names() == ["Observation/o", "Patient/a", "Patient/b"]


@pytest.mark.heavy
def test_a_server_that_does_not_take_the_marker_gets_nothing(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("a")))
    fake_server.behave(about(MARKER_PATH, 422, "HAPI-0000: no Basic here"))

    report = load(fake_target, file)

    assert isinstance(report.stopped, FhirError)
    assert report.total == Counts(read=1, failed=1)
    assert fake_server.held == {}


@pytest.mark.heavy
def test_a_damaged_answer_to_the_marker_is_reported(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "all.ndjson"
    file.write_text(ndjson(patient("a")))
    damaged = Response(200, b"no gzip", {"content-encoding": "gzip"})
    fake_server.behave(lambda request: damaged if request.path == MARKER_PATH and request.method == "PUT" else None)

    report = load(fake_target, file)

    assert report.exit_code == 3
    assert "the answer is damaged" in report.render()


@pytest.mark.heavy
def test_what_takes_long_is_said(fake_server: FakeServer, fake_target: Settings, file: Path) -> None:
    stages: list[str] = []
    fake_server.wipe()

    load_files(
        [str(file)],
        fake_target,
        options=LoadOptions(on_mismatch=OnMismatch.ADOPT),
        on_progress=lambda progress: stages.append(progress.stage),
    )

    assert stages[:2] == [f"asking {fake_target.fhir_base_url}", "comparing the ledger with the server"]


@pytest.mark.heavy
@pytest.mark.parametrize("mode", [OnMismatch.ADOPT, OnMismatch.RESET])
def test_the_generation_goes_above_that_of_the_marker(
    fake_server: FakeServer, fake_target: Settings, file: Path, mode: OnMismatch
) -> None:
    change_marker(fake_server, generation=7)

    load(fake_target, file, mode)

    assert fake_server.held[MARKER_PATH].resource["extension"][0]["valueInteger"] >= 10
    assert load(fake_target, file).requests_with_resources == 0


@pytest.mark.heavy
def test_adopting_finds_other_content_under_the_version_that_is_known(
    fake_server: FakeServer, fake_target: Settings, file: Path
) -> None:
    change_marker(fake_server, generation=-1)
    version = fake_server.held["Patient/a"].version
    fake_server.held["Patient/a"] = stored(version, patient("a", gender="other"))

    assert load(fake_target, file, OnMismatch.ADOPT).total == Counts(read=3, unchanged=2, updated=1)
