import json
import os
import socket
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake
from claims_pipeline.schema import PATIENTS
from claims_pipeline_tests.lake.test_store import DAY, NEXT_DAY, patients


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != ".lock")


def test_nothing_is_visible_before_the_range_is_complete(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)
        assert lake.days(PATIENTS) == []
    assert lake.days(PATIENTS) == [DAY]


def test_an_error_publishes_nothing_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with Lake(tmp_path).writer() as writer:
            writer.add(PATIENTS, patients(1), DAY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()

    assert files(tmp_path) == []


def test_equal_partitions_are_left_untouched(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)
        writer.add(PATIENTS, patients(2), NEXT_DAY)
    before = lake.path(PATIENTS, DAY).stat().st_mtime_ns

    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)
        writer.add(PATIENTS, patients(3), NEXT_DAY)

    assert (writer.written, writer.unchanged) == (1, 1)
    assert lake.path(PATIENTS, DAY).stat().st_mtime_ns == before


def test_the_manifest_names_every_partition_with_rows_and_digest(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1, 2), DAY)
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(3), NEXT_DAY)

    manifest = json.loads((tmp_path / "manifest" / "patients.json").read_text())

    assert {day: entry["rows"] for day, entry in manifest.items()} == {"2025-01-01": 2, "2025-01-02": 1}
    assert manifest["2025-01-01"]["sha256"] == lake.digest(PATIENTS, DAY)


def test_what_a_killed_writer_left_is_removed_and_what_another_writes_now_is_not(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    path = lake.path(PATIENTS, DAY)
    path.parent.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    left = path.with_name(f".{path.name}.{socket.gethostname()}-{ended.pid}.tmp")
    in_work = path.with_name(f".{path.name}.{socket.gethostname()}-{os.getppid()}.tmp")
    elsewhere = path.with_name(f".{path.name}.another-machine-{ended.pid}.tmp")
    for file in (left, in_work, elsewhere):
        file.write_bytes(b"half")

    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)

    assert {file.name for file in path.parent.iterdir()} == {path.name, in_work.name, elsewhere.name}


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest" / "patients.json"
    manifest.parent.mkdir()
    manifest.write_text("{half")

    with pytest.raises(DataError, match="the manifest is not JSON") as caught, Lake(tmp_path).writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)

    assert caught.value.where == str(manifest)


def test_a_long_range_is_published_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    days = [DAY + timedelta(days=n) for n in range(40)]

    with lake.writer() as writer:
        for n, day in enumerate(days):
            writer.add(PATIENTS, patients(n), day)

    assert lake.days(PATIENTS) == days
    assert writer.written == 40


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    one, other = Lake(tmp_path / "one"), Lake(tmp_path / "other")
    for lake in (one, other):
        with lake.writer() as writer:
            writer.add(PATIENTS, patients(1, 2, 3), date(2025, 3, 1))

    assert one.digest(PATIENTS, date(2025, 3, 1)) == other.digest(PATIENTS, date(2025, 3, 1))
