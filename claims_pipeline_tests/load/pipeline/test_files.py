"""Loads of files: which of their resources are sent, and what is reported about the others."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.lake import Lake
from claims_pipeline.load import (
    Counts,
    LoadOptions,
    Vanished,
    list_dead_letters,
    load_files,
    load_lake,
    reconcile,
    remove,
)
from claims_pipeline.load.progress import Progress
from claims_pipeline.load.sources import files
from claims_pipeline.load.sources.inputs import STANDARD_INPUT
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer, about
from claims_pipeline_tests.load.sources.samples import ndjson, observation, patient


def write(path: Path, *resources: dict[str, object]) -> str:
    path.write_text(ndjson(*resources))
    return str(path)


def test_everything_that_a_resource_lacks_is_named_in_the_report_and_in_the_list(
    fake_target: Settings, tmp_path: Path
) -> None:
    seen = observation("o1", "Patient/p1", performer=[{"reference": "Practitioner/d1"}])

    report = load_files([write(tmp_path / "a.ndjson", seen)], fake_target)

    assert report.total == Counts(read=1, rejected=1)
    (letter,) = list_dead_letters(fake_target).to_dicts()
    for said in (report.failures[0].text, letter["reason"]):
        assert "Patient/p1" in said
        assert "Practitioner/d1" in said


def test_what_is_wrong_is_rejected_by_file_and_line_and_the_rest_is_loaded(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "mixed.ndjson"
    lines = [
        patient("a"),
        '{"resourceType": "Patient", "id": ',
        {"resourceType": "Patient"},
        patient("under_score"),
        patient("b"),
    ]
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))

    report = load_files([str(file)], fake_target)

    assert report.exit_code == 1
    assert fake_server.names() == ["Patient/a", "Patient/b"]
    assert report.total.rejected == report.total.read - 2
    assert {failure.source for failure in report.failures} >= {f"{file}:2", f"{file}:4"}
    assert {*list_dead_letters(fake_target)["source"]} >= {f"{file}:2", f"{file}:4"}


@pytest.mark.heavy
def test_a_path_may_be_text_or_a_path(fake_target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "a.ndjson", patient("p1"))

    assert load_files([Path(file)], fake_target).total == Counts(read=1, created=1)
    assert load_files([file], fake_target).total == Counts(read=1, unchanged=1)


@pytest.mark.heavy
def test_ids_with_a_prefix_stay_the_same_and_are_reconciled_and_removed(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.ndjson", patient("17"), observation("18", "Patient/17"))
    options = LoadOptions(id_prefix="ehr-")

    first = load_files([file], fake_target, options=options)
    second = load_files([file], fake_target, options=options)

    assert first.total == Counts(read=2, created=2)
    assert second.total == Counts(read=2, unchanged=2)
    assert fake_server.names() == ["Observation/ehr-18", "Patient/ehr-17"]
    assert reconcile(fake_target, deep=True).is_equal
    assert remove(fake_target).left == 0
    assert fake_server.names() == []


def test_a_server_that_refuses_ids_of_digits_only_is_answered_with_the_remedy(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    words = "HAPI-0960: Can not create resource with ID[17], ID must not be supplied: clients may only assign IDs "
    fake_server.behave(about("Patient/17", 400, words + "which contain at least one non-numeric character"))

    report = load_files([write(tmp_path / "a.ndjson", patient("17"), patient("p1"))], fake_target)

    assert report.total == Counts(read=2, created=1, rejected=1)
    assert "claims load --id-prefix TEXT" in report.render()


@pytest.mark.heavy
def test_unreadable_input_is_counted_by_type_and_its_letters_close_when_it_is_corrected(
    fake_target: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    entries = [{"resource": patient("p_1")}, {"resource": patient("p_2")}, {"resource": {"id": "x"}}]
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))

    report = load_files([str(file)], fake_target)

    assert report.by_type == {"Patient": Counts(read=2, rejected=2), "(none)": Counts(read=1, rejected=1)}
    assert sorted(list_dead_letters(fake_target)["source"]) == [f"{file}:1 (entry {number})" for number in (1, 2, 3)]

    file.write_text(json.dumps(patient("p1")))
    load_files([str(file)], fake_target)
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_letters_of_an_archive_from_standard_input_close_when_it_is_corrected(
    fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipe(line: str) -> None:
        with tarfile.open(tmp_path / "export.tar.gz", "w:gz") as archive:
            info = tarfile.TarInfo("Patient.ndjson")
            info.size = len(line)
            archive.addfile(info, io.BytesIO(line.encode()))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "export.tar.gz").read_bytes())))
        load_files([STANDARD_INPUT], fake_target)

    pipe(ndjson(patient("p_1")))
    assert list_dead_letters(fake_target)["source"].to_list() == ["standard input/Patient.ndjson:1"]

    pipe(ndjson(patient("p1")))
    assert list_dead_letters(fake_target).is_empty()


def test_of_a_lake_only_the_types_that_are_wanted_are_loaded(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    lake = tiny_lake(tmp_path / "lake", Shape("types", days=1, claims_a_day=2))

    everything_else = load_lake(lake, fake_target, options=LoadOptions(exclude=frozenset({"Claim"})))
    claims = load_lake(lake, fake_target, options=LoadOptions(types=frozenset({"Claim"})))

    assert "Claim" not in everything_else.by_type
    assert claims.by_type == {"Claim": Counts(read=2, created=2)}
    assert len(fake_server.names("Claim")) == 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (LoadOptions(types=frozenset({"Observation"})), "leave nothing of the lake"),
        (LoadOptions(exclude=frozenset({"Clam"})), "'Clam' is not a resource type"),
        (LoadOptions(id_prefix="x-"), "--id-prefix is for files"),
    ],
)
def test_what_a_lake_cannot_be_asked_for_is_a_usage_error(
    fake_target: Settings, tmp_path: Path, options: LoadOptions, problem: str
) -> None:
    lake = tiny_lake(tmp_path / "lake", Shape("none", days=1, claims_a_day=1))

    with pytest.raises(ConfigError, match=problem):
        load_lake(lake, fake_target, options=options)


@pytest.mark.parametrize(("absent", "named"), [(3, "02-04; it has"), (4, "02-04, ...; it has")])
def test_the_first_three_days_that_a_lake_lacks_are_named(
    fake_target: Settings, tmp_path: Path, absent: int, named: str
) -> None:
    lake = tiny_lake(tmp_path / "lake", Shape("days", days=1, claims_a_day=1))
    days = [date(2025, 2, day) for day in range(2, 2 + absent)]

    with pytest.raises(ConfigError, match=f"no partition of 2025-02-02, 2025-02-03, 2025-{named} 2025-01-01"):
        load_lake(lake, fake_target, days=days)


def test_a_spool_that_fails_while_resources_are_sent_ends_the_load_with_its_report(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.ndjson", patient("p1"), observation("o1", "Patient/p1"))

    def lose_the_spool(progress: Progress) -> None:
        if progress.settled and progress.stage == "files":
            for part in (fake_target.home / "spool").rglob("part-*"):
                part.unlink()

    report = load_files([file], fake_target, on_progress=lose_the_spool)

    assert report.exit_code == 1
    assert isinstance(report.stopped, DataError)
    assert "cannot be spooled" in report.render()
    assert report.total.created == 1
    assert fake_server.names() == ["Patient/p1"]
    assert not (fake_target.home / "spool").exists()


def test_reading_is_reported_before_anything_is_sent(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "REPORT_EVERY", 2)
    told: list[tuple[str, int]] = []
    file = write(tmp_path / "a.ndjson", *map(patient, "abcde"))

    load_files(
        [file], fake_target, on_progress=lambda progress: told.append((str(progress), len(fake_server.transactions)))
    )

    assert [told for told in told if told[0].startswith("reading")] == [
        ("reading: 2 resources", 0),
        ("reading: 4 resources", 0),
    ]


@pytest.mark.parametrize(("count", "named"), [(10, "/9"), (11, "/9 ... (11 paths)")])
def test_the_first_ten_paths_are_named_in_the_report(
    fake_target: Settings, tmp_path: Path, count: int, named: str
) -> None:
    folders = [tmp_path / str(number) for number in range(count)]
    for folder in folders:
        folder.mkdir()
        write(folder / "a.ndjson", patient(f"p-{folder.name}"))

    report = load_files(folders, fake_target)

    assert report.source.startswith(f"{tmp_path}/0 {tmp_path}/1 ")
    assert report.source.endswith(f"{tmp_path}{named}")
    assert report.total.created == count


@pytest.mark.parametrize(("count", "more"), [(5, None), (6, "1 more resources came again with other content")])
def test_the_first_five_resources_that_come_again_are_named(
    fake_target: Settings, tmp_path: Path, count: int, more: str | None
) -> None:
    twice = [patient(f"p-{number}", gender=gender) for number in range(count) for gender in ("male", "female")]
    file = write(tmp_path / "a.ndjson", *twice, patient("same"), patient("same"))

    report = load_files([file], fake_target)

    assert report.total == Counts(read=2 * count + 1, superseded=count, created=count + 1)
    assert report.remarks[0] == "came more than once with the same content, and counts once: 1"
    assert report.remarks[1] == (f"Patient/p-0 at {file}:1 comes again with other content at {file}:2, which counts")
    assert len(report.remarks) == 6 + (more is not None)
    assert more is None or report.remarks[-1].startswith(more)


def test_what_is_not_there_is_named_before_the_server_is_asked(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    lake = tiny_lake(tmp_path / "lake", Shape("none", days=1, claims_a_day=1))
    empty = tmp_path / "empty"
    empty.mkdir()

    def where(load: Callable[[], object], error: str) -> str:
        with pytest.raises((ConfigError, DataError), match=error) as caught:
            load()
        return caught.value.where

    gone = str(tmp_path / "gone")
    assert where(lambda: load_files([gone], fake_target), "no such file or folder") == gone
    assert where(lambda: load_files([empty], fake_target), "holds no FHIR file") == str(empty)
    assert where(lambda: load_lake(Lake(empty), fake_target), "there is no lake here") == str(empty)
    absent = [date(2024, 1, 1)]
    assert where(lambda: load_lake(lake, fake_target, days=absent), "no partition of 2024-01-01") == str(lake.root)
    assert fake_server.requests == []
    assert not fake_target.ledger_path.exists()


@pytest.mark.heavy
def test_what_a_killed_loader_left_in_its_spool_is_removed(fake_target: Settings, tmp_path: Path) -> None:
    left: list[Path] = []

    def leave(progress: Progress) -> None:
        if progress.stage == "files" and not left:
            (folder,) = (fake_target.home / "spool").iterdir()
            (folder / "left").write_text("of a loader that was killed")
            left.append(folder / "left")

    load_files([write(tmp_path / "a.ndjson", patient("a"))], fake_target, on_progress=leave)
    assert left[0].exists()

    load_files([write(tmp_path / "b.ndjson", patient("b"))], fake_target)
    assert not (fake_target.home / "spool").exists()


@pytest.mark.heavy
def test_a_type_left_out_leaves_its_deletions_and_what_is_gone_alone(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.ndjson", patient("a"), patient("b"), observation("o", "Patient/a"))
    load_files([file], fake_target)
    write(tmp_path / "a.ndjson", patient("b"))
    options = LoadOptions(vanished=Vanished.DELETE, types=frozenset({"Patient"}))

    foreseen = load_files([file], fake_target, options=replace(options, is_dry_run=True))
    report = load_files([file], fake_target, options=options)

    assert foreseen.vanished == {"Patient deleted": 1}
    assert report.vanished == {"Patient not deleted": 1}  # the observation refers to it
    assert report.failures[0].name == "Patient/a"
    assert "Observation/o" in report.failures[0].text or "another resource refers to it" in report.failures[0].text
    assert fake_server.names() == ["Observation/o", "Patient/a", "Patient/b"]
