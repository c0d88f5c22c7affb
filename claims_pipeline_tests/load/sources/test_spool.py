"""What is read is spooled to disk: a full disk is an error that says what to do."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.load.sources import file_resources, spool
from claims_pipeline.load.sources.spool import Spool
from claims_pipeline_tests.load.sources.samples import coverage, ndjson, patient, reading

READ_ON_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from typing import Any
from claims_pipeline.errors import DataError
from claims_pipeline.load.sources.files import read_files

resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with read_files([sys.argv[1]], Path(sys.argv[2])) as found:
        list(found.chunks())
except DataError as error:
    print(error.message)
    print(error.fix)
"""


@pytest.mark.heavy
@pytest.mark.skipif(sys.platform == "win32", reason="the limit of a file's size is POSIX")
def test_a_full_disk_while_files_are_read_is_a_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "a.ndjson"
    file.write_text("".join(json.dumps(patient(f"p{number}")) + "\n" for number in range(60_000)))

    command = [sys.executable, "-c", READ_ON_A_SMALL_DISK, str(file), str(tmp_path / "spool")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stderr == ""
    message, fix = done.stdout.splitlines()
    assert message.startswith("what was read cannot be spooled")
    assert fix.startswith("make room")


def test_a_spool_that_is_gone_while_resources_are_given_out_is_reported(tmp_path: Path) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient("p1"), coverage("c1", "Patient/p1"))) as found:
        for part in found.spool.folder.glob("part-*"):
            part.unlink()
        with pytest.raises(DataError, match="cannot be spooled"):
            list(found.chunks())


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")

    with pytest.raises(DataError, match="cannot be spooled") as caught, reading(tmp_path, a__ndjson=ndjson(patient())):
        pass

    assert caught.value.where == str(tmp_path / "spool")


@pytest.mark.heavy
def test_many_files_take_as_many_statements_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    execute = Spool.execute

    def counted(spool: Spool, statement: str, parameters: Any = None) -> Any:
        statements.append(statement)
        return execute(spool, statement, parameters)

    monkeypatch.setattr(Spool, "execute", counted)
    numbers = []
    for count in (1, 50):
        statements.clear()
        files = {f"p{number}__json": patient(f"p{number}") for number in range(count)}
        with reading(tmp_path / str(count), **files) as found:
            assert found.count == count
        numbers.append(len(statements))

    assert numbers[0] == numbers[1]


@pytest.mark.heavy
@pytest.mark.parametrize(("rows", "characters", "sizes"), [(5, 10_000, [5, 1]), (100, 100, [5, 1]), (100, 10_000, [6])])
def test_parts_are_joined_to_chunks_of_enough_rows_or_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, characters: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(spool, "PART_ROWS", 3)  # the first part has two, because the name of the file counts
    monkeypatch.setattr(file_resources, "CHUNK_ROWS", rows)
    monkeypatch.setattr(file_resources, "CHUNK_CHARACTERS", characters)

    with reading(tmp_path, a__ndjson=ndjson(*(patient(f"p{number}") for number in range(6)))) as found:
        assert [chunk.height for chunk in found.chunks()] == sizes


@pytest.mark.heavy
@pytest.mark.parametrize(("rows", "characters", "sizes"), [(2, 10_000, [2, 2, 2]), (100, 73, [3, 3])])
def test_each_chunk_is_counted_from_its_own_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, characters: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(spool, "PART_ROWS", 1)
    monkeypatch.setattr(file_resources, "CHUNK_ROWS", rows)
    monkeypatch.setattr(file_resources, "CHUNK_CHARACTERS", characters)
    assert len('{"id":"p0","resourceType":"Patient"}') == 36

    with reading(tmp_path, a__ndjson=ndjson(*(patient(f"p{number}") for number in range(6)))) as found:
        assert [chunk.height for chunk in found.chunks()] == sizes
