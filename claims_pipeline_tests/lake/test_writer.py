import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier

import polars as pl
import pyarrow.parquet as pq
import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.files import temporary_name
from claims_pipeline.lake import ROW_GROUP, Lake
from claims_pipeline.lake.parquet import ROWS_A_QUERY
from claims_pipeline.schema import CLAIMS, DAILY, ENROLLMENT, PATIENTS, PAYERS, VISITS
from claims_pipeline_tests.defaults import frame
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


def test_a_part_of_a_year_does_not_replace_more_of_it(tmp_path: Path) -> None:
    """Another process may have published the year while this one made its part."""
    lake = Lake(tmp_path)
    part, more = (frame(VISITS, [{"claim_index": index} for index in range(rows)]) for rows in (2, 3))
    with lake.writer() as writer:
        writer.add(VISITS, more, DAY)
    with lake.writer() as writer:
        writer.add(VISITS, part, DAY)

    assert lake.read(VISITS, DAY).height == 3
    assert writer.written == 0
    assert lake.manifest(VISITS)[str(DAY.year)].rows == 3
    assert not list(tmp_path.rglob("*.tmp"))


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


@pytest.mark.parametrize("torn", ["", "{half", "[]", '{"2025-01-01": {"rows": 1}}', "null", "\0\0"])
def test_a_damaged_manifest_is_named_and_nothing_is_published(tmp_path: Path, torn: str) -> None:
    lake = Lake(tmp_path)
    manifest = tmp_path / "manifest" / "patients.json"
    manifest.parent.mkdir()
    manifest.write_text(torn)

    with pytest.raises(DataError, match="the manifest of patients is damaged") as caught, lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)

    assert caught.value.where == str(manifest)
    assert lake.days(PATIENTS) == []
    with pytest.raises(DataError, match="the manifest of patients is damaged"):
        lake.manifest(PATIENTS)


@pytest.mark.heavy
def test_a_writer_that_is_stopped_at_any_moment_leaves_whole_days_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    files = [(PAYERS, None), (ENROLLMENT, None), *((table, day) for day in days for table in DAILY)]

    def write(lake: Lake) -> None:
        with lake.writer() as writer:
            for table, day in reversed(files):
                writer.add(table, table.polars_schema.to_frame(), day)

    for stop_at in range(len(files)):
        lake = Lake(tmp_path / str(stop_at))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", _failing_at(stop_at, Path.replace))
            with pytest.raises(OSError, match="stopped"):
                write(lake)

        assert [lake.path(*file).exists() for file in files] == [True] * stop_at + [False] * (len(files) - stop_at)
        assert not list(lake.root.rglob("*.tmp"))

        write(lake)
        assert lake.days(CLAIMS) == days
        assert set(lake.manifest(CLAIMS)) == {str(day) for day in days}


def _failing_at(number: int, replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    calls = count()

    def failing(source: Path, target: Path) -> Path:
        if next(calls) == number:
            raise OSError("stopped")
        return replace(source, target)

    return failing


def test_a_partition_is_on_disk_before_it_gets_its_name_and_its_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, Path]] = []
    replace = Path.replace

    def noted(paths: Iterable[Path]) -> None:
        events.extend(("flushed", path) for path in paths)

    def noted_replace(source: Path, target: Path) -> Path:
        events.append(("named", target))
        return replace(source, target)

    monkeypatch.setattr("claims_pipeline.lake.writer.sync", noted)
    monkeypatch.setattr(Path, "replace", noted_replace)
    lake = Lake(tmp_path)
    with lake.writer() as writer:
        writer.add(PATIENTS, patients(1), DAY)

    path = lake.path(PATIENTS, DAY)
    of_partition = [event for event in events if event[1].parent != tmp_path / "manifest"]
    assert of_partition[:2] == [("flushed", temporary_name(path)), ("named", path)]
    assert set(of_partition[2:]) == {("flushed", path.parent), ("flushed", path.parent.parent)}


def test_two_writers_at_once_both_stand_in_the_manifest(tmp_path: Path) -> None:
    lake, together = Lake(tmp_path), Barrier(2)

    def write(day: date) -> None:
        with lake.writer() as writer:
            writer.add(PATIENTS, patients(1), day)
            together.wait()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (DAY, NEXT_DAY)))

    assert set(lake.manifest(PATIENTS)) == {str(DAY), str(NEXT_DAY)}


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


def test_days_added_together_have_the_files_that_each_of_them_alone_has(tmp_path: Path) -> None:
    """There are so many rows that they are written in several queries."""
    together, alone = Lake(tmp_path / "together"), Lake(tmp_path / "alone")
    days = [DAY + timedelta(days=n) for n in range(5)]
    claims = pl.concat([frame(CLAIMS, [{"diagnosis_codes": ["a", str(n)]} for n in range(50)])] * (ROWS_A_QUERY // 100))
    of_day = dict(zip(days, (claims, claims[:3], claims.clear(), claims[5:], claims[9:12]), strict=True))

    with together.writer() as writer:
        rows = writer.add_days(CLAIMS, pl.concat([rows.with_columns(day=day) for day, rows in of_day.items()]), days)
    with alone.writer() as writer:
        for day, frame_of_day in of_day.items():
            writer.add(CLAIMS, frame_of_day, day)

    assert rows == {day: frame_of_day.height for day, frame_of_day in of_day.items()}
    assert [together.digest(CLAIMS, day) for day in days] == [alone.digest(CLAIMS, day) for day in days]
    assert together.manifest(CLAIMS) == alone.manifest(CLAIMS)


def test_frames_make_the_file_that_their_rows_make(tmp_path: Path) -> None:
    frames, whole = Lake(tmp_path / "frames"), Lake(tmp_path / "whole")
    rows = patients(1, 2, 3)
    with frames.writer() as writer, whole.writer() as other:
        assert writer.add_frames(PATIENTS, iter([rows]), DAY) == 3
        other.add(PATIENTS, rows, DAY)
    assert frames.digest(PATIENTS, DAY) == whole.digest(PATIENTS, DAY)
    assert frames.manifest(PATIENTS) == whole.manifest(PATIENTS)


def test_each_frame_of_a_long_file_is_a_row_group(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    many = pl.concat([patients(*range(100))] * 1230)
    with lake.writer() as writer:
        writer.add_frames(PATIENTS, many.iter_slices(ROW_GROUP), DAY)
    groups = pq.ParquetFile(lake.path(PATIENTS, DAY)).metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [ROW_GROUP, 120]
    assert lake.read(PATIENTS, DAY).equals(many)


def test_frames_equal_to_what_is_there_leave_it_untouched(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for expected in (1, 0):
        with lake.writer() as writer:
            writer.add_frames(PATIENTS, iter([patients(2)]), DAY)
        assert writer.written == expected
    assert files(tmp_path) == ["manifest/patients.json", f"patients/day={DAY}/part.parquet"]


def test_an_error_while_frames_are_made_leaves_no_temporary_file(tmp_path: Path) -> None:
    def broken() -> Iterator[pl.DataFrame]:
        yield patients(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Lake(tmp_path).writer() as writer:
        writer.add_frames(PATIENTS, broken(), DAY)

    assert files(tmp_path) == []
