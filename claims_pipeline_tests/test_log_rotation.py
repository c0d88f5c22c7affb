"""Logs of programs that outlive a command."""

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from claims_pipeline import log_rotation
from claims_pipeline.log_rotation import lines_of, rotated, write_rotated
from claims_pipeline.processes import wait_until


def test_a_log_that_is_full_is_turned_and_only_a_few_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "hapi.log"
    lines = b"".join(b"line %04d\n" % number for number in range(1_000))

    write_rotated(io.BytesIO(lines), log, max_bytes=1_000, kept=2)

    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["hapi.log", "hapi.log.1", "hapi.log.2"]
    assert all(file.stat().st_size <= 1_000 for file in files)
    assert log.read_text().endswith("line 0999\n")


def test_a_line_without_end_fills_no_memory_and_no_disk(tmp_path: Path) -> None:
    write_rotated(io.BytesIO(b"x" * 1_000_000), tmp_path / "log", max_bytes=100_000, kept=1)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 200_000


def test_what_a_program_writes_after_its_starter_has_let_go_is_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    later = "import sys, time; print('first', flush=True); time.sleep(0.5); print('last', file=sys.stderr)"
    with rotated(log) as output:
        program = subprocess.Popen([sys.executable, "-c", later], stdout=output, stderr=output)
    program.wait()
    assert lines_of(log) == ["first", "last"]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_each_start_begins_a_new_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("first", "second"):
        with rotated(log) as output:
            output.write(word.encode())
        assert wait_until(lambda word=word: lines_of(log) == [word], seconds=5)  # type: ignore[misc]
    assert (tmp_path / "log.1").read_text() == "first"


@pytest.mark.heavy
def test_a_program_that_goes_on_writing_turns_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_rotation, "MAX_BYTES", 10_000)
    monkeypatch.setattr(log_rotation, "END_SECONDS", 60)  # the writer of 20,000 lines may be slow
    with rotated(tmp_path / "log") as output:
        subprocess.run([sys.executable, "-c", "for n in range(20_000): print(n)"], stdout=output, check=True)
    assert lines_of(tmp_path / "log")[-1] == "19999"
    assert len(list(tmp_path.iterdir())) == log_rotation.KEPT + 1
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10_000 * (log_rotation.KEPT + 1)
