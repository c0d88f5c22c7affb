"""What is kept of rejections, and for how long."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.load import Counts, LoadOptions, broken_dead_letters, list_dead_letters, load_files, load_lake
from claims_pipeline.load.dead_letters import SCHEMA, DeadLetters
from claims_pipeline.load.ledger.settle import settle
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, patient_of, rewrite, tiny_lake

NOT_JSON = '{"resourceType": "Patient", "id": '


def rejected(resource_id: str, reason: str = "because", missing: str = "") -> Result:
    resource = Resource("Claim", resource_id, f"hash of {resource_id}", "", "claims/2025-01-01", "{}", [])
    return Result(resource, "rejected", text=reason, missing_target=missing)


def run(folder: Path, ledger: Ledger, *results: Result) -> list[str]:
    """Do what a load does with results, and return its remarks."""
    letters = DeadLetters(folder, ledger)
    letters.add(results, "claims")
    settle(ledger, results, "claims")
    return letters.close()


def letters_in(folder: Path) -> list[tuple[str, str]]:
    """Return id and reason of each letter on disk, open or not."""
    frames = [pl.read_parquet(file) for file in sorted(folder.glob("*.parquet"))]
    return [row for frame in frames for row in frame.select("resource_id", "reason").rows()]


def write(file: Path, *lines: str | dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def test_the_latest_letter_of_each_rejection_is_kept_however_many_loads_there_are(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        for day in range(5):
            run(tmp_path / "letters", ledger, rejected("c-1", f"on day {day}", "Patient/p-1"), rejected("c-2"))

    assert letters_in(tmp_path / "letters") == [("c-1", "on day 4"), ("c-2", "because")]


def test_a_letter_that_is_no_longer_open_is_dropped_and_the_others_of_its_file_stay(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        run(tmp_path / "letters", ledger, rejected("c-1"), rejected("c-2"))
        run(tmp_path / "letters", ledger, rejected("c-1")._replace(outcome="created", version_id="1"))
        assert letters_in(tmp_path / "letters") == [("c-2", "because")]

        run(tmp_path / "letters", ledger, rejected("c-2")._replace(outcome="created", version_id="1"))
        assert list((tmp_path / "letters").iterdir()) == []


def test_a_crash_before_the_earlier_letters_are_dropped_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "letters"
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        run(folder, ledger, rejected("c-1", "first"), rejected("c-2"))

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", die)
            patched.setattr("claims_pipeline.load.dead_letters.of_run.read_file", die)
            with pytest.raises(KeyboardInterrupt):
                run(folder, ledger, rejected("c-1", "second"))
        assert sorted(letters_in(folder)) == [("c-1", "first"), ("c-1", "second"), ("c-2", "because")]

        run(folder, ledger)
        assert sorted(letters_in(folder)) == [("c-1", "second"), ("c-2", "because")]


def test_the_letters_of_another_ledger_are_left_and_not_listed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    other = tmp_path / "other.sqlite"
    with open_ledger(settings.ledger_path) as ledger, open_ledger(other) as other_ledger:
        run(settings.dead_letters_path, other_ledger, rejected("c-1", "of the other"))
        run(settings.dead_letters_path, ledger, rejected("c-1"), rejected("c-2"))
        run(settings.dead_letters_path, ledger, rejected("c-1")._replace(outcome="created", version_id="1"))

    assert list_dead_letters(settings)["resource_id"].to_list() == ["c-2"]
    assert list_dead_letters(settings, ledger_path=other)["reason"].to_list() == ["of the other"]


def test_letters_of_an_earlier_version_without_the_ledger_are_still_read(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_ledger(settings.ledger_path) as ledger:
        run(settings.dead_letters_path, ledger, rejected("c-1"), rejected("c-2"))
        (file,) = settings.dead_letters_path.iterdir()
        pl.read_parquet(file).drop("ledger_id").write_parquet(file)
        assert list_dead_letters(settings)["resource_id"].to_list() == ["c-2", "c-1"]

        run(settings.dead_letters_path, ledger, rejected("c-1", "anew"))

    assert sorted(letters_in(settings.dead_letters_path)) == [("c-1", "anew"), ("c-2", "because")]


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing of use", b"text"], ids=["empty", "cut", "text"])
def test_a_broken_file_is_named_and_left_out(tmp_path: Path, content: bytes) -> None:
    settings = Settings(home=tmp_path)
    with open_ledger(settings.ledger_path) as ledger:
        run(settings.dead_letters_path, ledger, rejected("c-1"))
        broken = settings.dead_letters_path / "zz.parquet"
        broken.write_bytes(content)

        remarks = run(settings.dead_letters_path, ledger, rejected("c-2"))

    assert remarks == [f"left out, for it cannot be read as dead letters: {broken} (delete it)"]
    assert broken_dead_letters(settings) == [broken]
    assert sorted(list_dead_letters(settings)["resource_id"]) == ["c-1", "c-2"]
    assert broken.read_bytes() == content


def test_a_file_of_other_columns_is_no_file_of_dead_letters(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    settings.dead_letters_path.mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(settings.dead_letters_path / "other.parquet")
    with open_ledger(settings.ledger_path):
        assert list_dead_letters(settings).schema == SCHEMA

    assert broken_dead_letters(settings) == [settings.dead_letters_path / "other.parquet"]


def test_a_folder_that_cannot_be_tidied_up_is_a_remark_and_no_failure(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        run(tmp_path / "letters", ledger, rejected("c-1"))
        (letter,) = (tmp_path / "letters").iterdir()
        (letter.with_suffix(".tmp")).mkdir()  # as good as a read-only disk, for root too
        (tmp_path / "letters" / "00000000-x.parquet").write_bytes(letter.read_bytes())
        first = pl.read_parquet(letter)
        pl.concat([first, first.with_columns(resource_id=pl.lit("closed"))]).write_parquet(letter)

        remarks = run(tmp_path / "letters", ledger)

    assert len(remarks) == 1
    assert remarks[0].startswith("dead letters were not put in order: ")


@pytest.mark.server
def test_input_that_cannot_be_read_has_one_letter_whatever_the_folder_it_is_loaded_from(
    target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "export" / "bad.ndjson", NOT_JSON)
    load_files([str(file)], target)
    monkeypatch.chdir(file.parent)
    load_files(["bad.ndjson"], target)
    monkeypatch.chdir(tmp_path)
    load_files(["export/../export"], target)

    assert list_dead_letters(target)["source"].to_list() == [f"{file}:1"]
    assert len(letters_in(target.dead_letters_path)) == 1


@pytest.mark.server
def test_the_letters_of_a_file_that_is_gone_go_when_its_folder_is_read_again(target: Settings, tmp_path: Path) -> None:
    bad = write(tmp_path / "export" / "bad.ndjson", NOT_JSON)
    write(tmp_path / "export" / "good.ndjson", {"resourceType": "Patient", "id": "gone-1"})
    elsewhere = write(tmp_path / "export-2" / "bad.ndjson", NOT_JSON)
    load_files([str(tmp_path / "export"), str(elsewhere)], target)
    bad.unlink()

    report = load_files([str(tmp_path / "export")], target)

    assert report.exit_code == 0
    assert list_dead_letters(target)["source"].to_list() == [f"{elsewhere}:1"]


@pytest.mark.server
def test_a_load_goes_on_beside_a_broken_file_and_names_it(target: Settings, tmp_path: Path) -> None:
    target.dead_letters_path.mkdir(parents=True)
    (target.dead_letters_path / "zz.parquet").touch()
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "beside-1"}, NOT_JSON)

    report = load_files([str(file)], target)

    assert report.total == Counts(read=2, created=1, rejected=1)
    assert [remark for remark in report.remarks if "zz.parquet (delete it)" in remark]
    assert list_dead_letters(target).height == 1


@pytest.mark.server
def test_loads_of_the_same_lake_do_not_pile_up_what_a_rejected_patient_leaves_behind(target: Settings) -> None:
    shape = Shape("pile", days=1)
    lake = tiny_lake(target.lake_path, shape)
    wrong = patient_of(shape, 0, 0)
    rewrite(lake, schema.PATIENTS, shape.dates[0], pl.col("patient_id") == wrong, gender="nonsense")

    reports = [load_lake(lake, target) for _ in range(4)]

    assert {report.total.rejected for report in reports} == {3}
    on_disk = letters_in(target.dead_letters_path)
    assert sorted(on_disk) == sorted(set(on_disk))
    assert len(on_disk) == list_dead_letters(target).height == 3


@pytest.mark.server
def test_a_dry_run_leaves_dead_letters_as_they_are(target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.ndjson", NOT_JSON)
    load_files([str(file)], target)
    before = {letter: letter.stat().st_mtime_ns for letter in target.dead_letters_path.iterdir()}
    write(file, {"resourceType": "Patient", "id": "dry-1"})

    load_files([str(file)], target, options=LoadOptions(is_dry_run=True))

    assert {letter: letter.stat().st_mtime_ns for letter in target.dead_letters_path.iterdir()} == before
