"""What files no longer have: kept and said, marked, or deleted, as `rsync --delete` does for a folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, LoadOptions, LoadReport, Vanished, list_dead_letters, load_files, load_lake
from claims_pipeline.load.pipeline.withdrawal import UNCHECKED
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer, about
from claims_pipeline_tests.load.sources.samples import bundle, coverage, ndjson, observation, patient
from claims_pipeline_tests.server_state import ids, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    return folder


def load(target: Settings, folder: Path, vanished: Vanished = Vanished.KEEP, **options: Any) -> LoadReport:
    return load_files([str(folder)], target, options=LoadOptions(vanished=vanished, **options))


def deletions(*names: str) -> str:
    entries = ({"request": {"method": "DELETE", "url": name}} for name in names)
    return json.dumps(bundle(*entries)) + "\n"


def fill(folder: Path, prefix: str = "") -> None:
    (folder / "Patient.ndjson").write_text(ndjson(patient(f"{prefix}a"), patient(f"{prefix}b")))
    (folder / "Coverage.ndjson").write_text(ndjson(coverage(f"{prefix}c", f"Patient/{prefix}b")))


@pytest.mark.heavy
@pytest.mark.parametrize("is_kept_before", [True, False])
def test_a_resource_and_a_file_that_have_gone_are_deleted(
    fake_server: FakeServer, fake_target: Settings, folder: Path, is_kept_before: bool
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))
    (folder / "Coverage.ndjson").unlink()
    if is_kept_before:
        kept = load(fake_target, folder)
        assert kept.vanished == {"Coverage kept": 1, "Patient kept": 1}
        assert kept.requests_with_resources == 0
        assert "No longer in the source" in kept.render()

    rehearsed = load(fake_target, folder, Vanished.DELETE, is_dry_run=True)
    assert fake_server.names() == ["Coverage/c", "Patient/a", "Patient/b"]
    report = load(fake_target, folder, Vanished.DELETE)

    assert UNCHECKED in rehearsed.remarks
    assert UNCHECKED not in report.remarks
    assert report.vanished == rehearsed.vanished == {"Coverage deleted": 1, "Patient deleted": 1}
    assert report.total == Counts(read=1, unchanged=1)
    assert fake_server.names() == ["Patient/a"]
    again = load(fake_target, folder, Vanished.DELETE)
    assert (again.vanished, again.requests_with_resources) == ({}, 0)


@pytest.mark.heavy
def test_a_folder_whose_name_ends_like_a_line_number_is_followed(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    folders = {prefix: tmp_path / name for prefix, name in (("x", "2026-11-27T10:30"), ("y", "2026-11-27T10"))}
    for prefix, folder in folders.items():
        folder.mkdir()
        fill(folder, prefix)
        load(fake_target, folder)
    (folders["x"] / "Coverage.ndjson").unlink()

    report = load(fake_target, folders["x"], Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1}
    assert fake_server.names("Coverage") == ["Coverage/yc"]


@pytest.mark.heavy
def test_a_folder_whose_name_is_no_text_is_followed(
    fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"export-\xff")
    folder.mkdir()
    fill(folder)
    (folder / "bad.ndjson").write_text("no JSON\n")
    assert load(fake_target, folder).total.rejected == 1
    (folder / "bad.ndjson").unlink()
    (folder / "Coverage.ndjson").unlink()
    monkeypatch.chdir(folder)

    report = load(fake_target, Path(), Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1}
    assert report.exit_code == 0
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_what_comes_back_is_sent_again(fake_server: FakeServer, fake_target: Settings, folder: Path) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Coverage.ndjson").unlink()
    load(fake_target, folder, Vanished.DELETE)
    fill(folder)

    assert load(fake_target, folder).by_type["Coverage"].created == 1
    assert fake_server.names() == ["Coverage/c", "Patient/a", "Patient/b"]


@pytest.mark.heavy
def test_claims_and_coverages_can_be_entered_in_error(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))
    (folder / "Coverage.ndjson").unlink()

    report = load(fake_target, folder, Vanished.ENTERED_IN_ERROR)

    assert report.vanished == {"Coverage entered in error": 1, "Patient kept": 1}
    assert fake_server.held["Coverage/c"].resource["status"] == "entered-in-error"
    assert load(fake_target, folder, Vanished.ENTERED_IN_ERROR).vanished == {"Patient kept": 1}
    assert load(fake_target, folder, Vanished.DELETE).vanished == {"Coverage deleted": 1, "Patient deleted": 1}


@pytest.mark.heavy
def test_resources_that_the_server_no_longer_has_are_reported_once_and_settled(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Coverage.ndjson").unlink()
    del fake_server.held["Coverage/c"]

    report = load(fake_target, folder, Vanished.ENTERED_IN_ERROR)

    assert report.vanished == {"Coverage already gone from the server": 1}
    assert report.exit_code == 0
    assert load(fake_target, folder, Vanished.ENTERED_IN_ERROR).vanished == {}


@pytest.mark.heavy
def test_what_the_server_refuses_to_mark_fails_and_is_tried_again(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Coverage.ndjson").unlink()
    fake_server.behave(about("Coverage/c", 422, "HAPI-0000: not this one"))

    report = load(fake_target, folder, Vanished.ENTERED_IN_ERROR)

    assert report.vanished == {"Coverage not entered in error": 1}
    assert report.exit_code == 1
    fake_server.behave_well()
    assert load(fake_target, folder, Vanished.ENTERED_IN_ERROR).vanished == {"Coverage entered in error": 1}


@pytest.mark.heavy
def test_only_what_came_from_the_path_is_looked_at(
    fake_server: FakeServer, fake_target: Settings, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    other = tmp_path / "export-2"  # the name of one begins with that of the other
    other.mkdir()
    fill(other, "other-")
    load(fake_target, folder)
    load(fake_target, other)
    load_lake(tiny_lake(fake_target.lake_path, Shape("lake", days=1)), fake_target)
    before = fake_server.names()
    (folder / "Coverage.ndjson").unlink()

    report = load(fake_target, folder, Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1}
    assert fake_server.names() == [name for name in before if name != "Coverage/c"]


@pytest.mark.heavy
def test_a_resource_belongs_to_the_folder_that_had_it_last(fake_target: Settings, folder: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    later.mkdir()
    fill(folder)
    load(fake_target, folder)
    fill(later)
    assert load(fake_target, later).total == Counts(read=3, unchanged=3)
    (folder / "Coverage.ndjson").unlink()

    assert load(fake_target, folder, Vanished.DELETE).vanished == {}
    (later / "Coverage.ndjson").unlink()
    assert load(fake_target, later, Vanished.DELETE).vanished == {"Coverage deleted": 1}


@pytest.mark.heavy
def test_a_link_to_todays_folder_is_one_source(
    fake_server: FakeServer, fake_target: Settings, folder: Path, tmp_path: Path
) -> None:
    today, tomorrow, current = folder / "1", folder / "2", tmp_path / "current"
    for day in (today, tomorrow):
        day.mkdir()
        fill(day)
    current.symlink_to(today)
    load(fake_target, current)
    (tomorrow / "Coverage.ndjson").unlink()
    current.unlink()
    current.symlink_to(tomorrow)

    assert load(fake_target, current, Vanished.DELETE).vanished == {"Coverage deleted": 1}
    assert fake_server.names() == ["Patient/a", "Patient/b"]


@pytest.mark.heavy
def test_the_path_may_be_given_in_another_way(
    fake_target: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Coverage.ndjson").unlink()
    monkeypatch.chdir(folder.parent)

    report = load(fake_target, Path(os.path.relpath(folder)), Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1}


@pytest.mark.heavy
def test_the_current_folder_is_another_one_after_a_change_of_folder(
    fake_server: FakeServer, fake_target: Settings, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    fill(folder)
    fill(other, "other-")
    for place in (folder, other):
        monkeypatch.chdir(place)
        assert load(fake_target, Path(), Vanished.DELETE).vanished == {}

    assert len(fake_server.names()) == 6


@pytest.mark.heavy
@pytest.mark.parametrize("broken", ['{"resourceType": "Patient", "id": "b"', "not json", '{"id": "b"}'])
def test_nothing_counts_as_gone_from_input_that_cannot_be_read(
    fake_server: FakeServer, fake_target: Settings, folder: Path, broken: str
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")) + broken + "\n")

    report = load(fake_target, folder, Vanished.DELETE)

    assert report.vanished == {}
    assert any(remark.startswith("places of the input that could not be read: 1;") for remark in report.remarks)
    assert fake_server.names() == ["Coverage/c", "Patient/a", "Patient/b"]


@pytest.mark.heavy
def test_a_resource_that_is_refused_now_is_not_gone(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fill(folder)
    load(fake_target, folder)
    (folder / "Patient.ndjson").write_text(ndjson(patient("a"), patient("b", unknown="element")))

    report = load(fake_target, folder, Vanished.DELETE)

    assert report.total.rejected == 1
    assert report.vanished == {}
    assert "Patient/b" in fake_server.names()


@pytest.mark.heavy
def test_a_type_that_was_not_asked_for_is_not_gone(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    fill(folder)
    load(fake_target, folder)

    report = load(fake_target, folder, Vanished.DELETE, types=frozenset({"Patient"}))

    assert report.vanished == {}
    assert "Coverage/c" in fake_server.names()


@pytest.mark.heavy
def test_what_refers_to_a_resource_keeps_it_and_is_named(fake_target: Settings, folder: Path, tmp_path: Path) -> None:
    fill(folder)
    load(fake_target, folder)
    others = tmp_path / "others.ndjson"
    others.write_text(ndjson(observation("o", "Patient/b")))
    load(fake_target, others)
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))
    (folder / "Coverage.ndjson").unlink()

    report = load(fake_target, folder, Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1, "Patient not deleted": 1}
    assert report.exit_code == 1
    assert "Observation/o" in report.render()


@pytest.mark.heavy
def test_deletions_that_the_input_names_are_applied_if_asked_for(
    fake_server: FakeServer, fake_target: Settings, folder: Path, tmp_path: Path
) -> None:
    fill(folder)
    load(fake_target, folder)
    tomorrow = tmp_path / "tomorrow"
    (tomorrow / "deleted").mkdir(parents=True)
    (tomorrow / "Patient.ndjson").write_text(ndjson(patient("new")))
    (tomorrow / "deleted" / "Bundle.ndjson").write_text(deletions("Coverage/c", "Patient/b", "Patient/unknown"))

    kept = load(fake_target, tomorrow)
    assert kept.vanished == {"Coverage kept": 1, "Patient kept": 1}
    assert "named as deleted, but not loaded from files, and left alone: 1" in kept.remarks
    report = load(fake_target, tomorrow, Vanished.DELETE)

    assert report.vanished == {"Coverage deleted": 1, "Patient deleted": 1}
    assert report.exit_code == 0
    assert fake_server.names() == ["Patient/a", "Patient/new"]
    assert load(fake_target, tomorrow, Vanished.DELETE).vanished == {}


@pytest.mark.heavy
def test_a_deletion_of_what_a_lake_has_is_left_alone(
    fake_server: FakeServer, fake_target: Settings, folder: Path
) -> None:
    load_lake(tiny_lake(fake_target.lake_path, Shape("lake", days=1)), fake_target)
    name = fake_server.names("Claim")[0]
    (folder / "entries.json").write_text(deletions(name))
    (folder / "Patient.ndjson").write_text(ndjson(patient("a")))

    report = load(fake_target, folder, Vanished.DELETE)

    assert report.vanished == {}
    assert any("not loaded from files" in remark for remark in report.remarks)
    assert name in fake_server.names()


@pytest.mark.server
def test_a_real_server_follows_a_folder(target: Settings, folder: Path) -> None:
    fill(folder, "follow-")
    load(target, folder)
    (folder / "Patient.ndjson").write_text(ndjson(patient("follow-a")))
    (folder / "Coverage.ndjson").unlink()

    marked = load(target, folder, Vanished.ENTERED_IN_ERROR)

    assert marked.vanished == {"Coverage entered in error": 1, "Patient kept": 1}
    assert read(target.fhir_base_url, "Coverage/follow-c")["status"] == "entered-in-error"
    report = load(target, folder, Vanished.DELETE)
    assert report.vanished == {"Coverage deleted": 1, "Patient deleted": 1}
    assert ids(target.fhir_base_url, "Patient", "follow-") == ["follow-a"]
    assert ids(target.fhir_base_url, "Coverage", "follow-") == []
