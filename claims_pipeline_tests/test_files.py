import os
import stat
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from claims_pipeline.files import make_private_folder, replacing, sync, temporary_name, write_atomically

NO_PROCESS = 2**22 + 1
"""Above the greatest pid that Linux gives out."""


class Disk:
    """What the tests' process flushed to disk and renamed, in order, by name."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        fsync, replace = os.fsync, Path.replace

        def logged_fsync(descriptor: int) -> None:
            self.log.append(f"flushed {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
            fsync(descriptor)

        def logged_replace(self_path: Path, target: Path) -> Path:
            self.log.append(f"renamed {self_path.name} to {target.name}")
            return replace(self_path, target)

        monkeypatch.setattr(os, "fsync", logged_fsync)
        monkeypatch.setattr(Path, "replace", logged_replace)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are known on Linux only")
    return Disk(monkeypatch)


def test_content_is_flushed_before_it_gets_its_name_and_the_name_after(tmp_path: Path, disk: Disk) -> None:
    write_atomically(tmp_path / "file", b"new")

    temporary = temporary_name(tmp_path / "file").name
    assert disk.log == [f"flushed {temporary}", f"renamed {temporary} to file", f"flushed {tmp_path.name}"]


def test_flushing_closes_what_it_opens(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    before = psutil.Process().num_fds()

    sync([tmp_path / "file", tmp_path] * 5)

    assert psutil.Process().num_fds() == before


def test_a_file_that_is_not_private_has_the_mode_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(b"")

    with replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"content")

    assert _mode(tmp_path / "file") == _mode(tmp_path / "any") != 0o600


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old")

    with suppress(ValueError), replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"half")
        raise ValueError

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old")

    with replacing(tmp_path / "file") as temporary:
        temporary.write_bytes(b"new")
        assert (tmp_path / "file").read_bytes() == b"old"

    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_private_file_is_private_while_it_is_written_and_after(tmp_path: Path) -> None:
    with replacing(tmp_path / "file", owner_only=True) as temporary:
        temporary.write_bytes(b"secret")
        assert _mode(temporary) == 0o600

    assert _mode(tmp_path / "file") == 0o600


def test_a_private_file_takes_the_place_of_one_that_others_could_read(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", b"old")
    assert _mode(tmp_path / "file") & 0o044

    write_atomically(tmp_path / "file", b"new", owner_only=True)

    assert _mode(tmp_path / "file") == 0o600


def test_a_private_folder_is_closed_to_others_even_if_it_was_open(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o755)

    make_private_folder(tmp_path / "folder")

    assert _mode(tmp_path / "folder") == 0o700


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    file = tmp_path / "file"
    own = temporary_name(file).name
    of_killed = tmp_path / own.replace(f"-{os.getpid()}.", f"-{NO_PROCESS}.")
    of_living = tmp_path / own.replace(f"-{os.getpid()}.", f"-{os.getppid()}.")
    of_killed.write_bytes(b"half")
    of_living.write_bytes(b"half")

    write_atomically(file, b"new")

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([of_living.name, "file"])


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
