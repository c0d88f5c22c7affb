"""Downloading the pinned archives, from a Maven repository that serves small ones."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import ServiceError
from claims_pipeline.server.jars import fetch_jars, hapi_version, read_lock, repository_url
from claims_pipeline.server.space import require_space

ARCHIVES = {f"org/example/part{n}/1.0/part{n}-1.0.jar": bytes([n]) * (1000 + n) for n in range(40)}


@dataclass
class Repository:
    """A Maven repository on this machine that counts what it is asked for, and fails as told."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    failures_to_come: int = 0


class Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, repository: Repository) -> None:
        self.repository = repository
        super().__init__(*arguments, directory=str(repository.folder))

    def do_GET(self) -> None:
        self.repository.asked.append(self.path.removeprefix("/"))
        if self.repository.failures_to_come > 0:
            self.repository.failures_to_come -= 1
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path / "repository")
    for path, content in ARCHIVES.items():
        (repository.folder / path).parent.mkdir(parents=True)
        (repository.folder / path).write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, repository=repository)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        repository.url = f"http://127.0.0.1:{http.server_port}"
        monkeypatch.setenv("MAVEN_REPO_URL", repository.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield repository
        http.shutdown()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = (f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n" for path, content in ARCHIVES.items())
    (tmp_path / "jars.lock").write_text("".join(lines))
    return tmp_path / "jars.lock"


def test_every_pinned_archive_arrives_whole(repository: Repository, lock: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    folder = fetch_jars(tmp_path / "cache", steps.append, lock)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        path.rsplit("/", 1)[-1]: content for path, content in ARCHIVES.items()
    }
    assert sorted(repository.asked) == sorted(ARCHIVES)
    assert steps[0] == "Java archives: downloading 40, 0 MB"


def test_a_second_time_nothing_is_asked_for(repository: Repository, lock: Path, tmp_path: Path) -> None:
    fetch_jars(tmp_path / "cache", lambda _: None, lock)
    repository.asked.clear()
    steps: list[str] = []
    fetch_jars(tmp_path / "cache", steps.append, lock)
    assert (repository.asked, steps) == ([], [])


def test_an_interrupted_download_continues_with_what_is_missing(
    repository: Repository, lock: Path, tmp_path: Path
) -> None:
    folder = fetch_jars(tmp_path / "cache", lambda _: None, lock)
    repository.asked.clear()
    (folder / "part3-1.0.jar").rename(folder / "part3-1.0.jar.part")  # what a killed download leaves
    (folder / "part5-1.0.jar").write_bytes(b"half")
    fetch_jars(tmp_path / "cache", lambda _: None, lock)
    assert sorted(repository.asked) == ["org/example/part3/1.0/part3-1.0.jar", "org/example/part5/1.0/part5-1.0.jar"]
    assert len(list(folder.iterdir())) == len(ARCHIVES)


def test_several_at_once_download_each_archive_once(repository: Repository, lock: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: fetch_jars(tmp_path / "cache", lambda _: None, lock), range(4)))
    assert len(folders) == 1
    assert sorted(repository.asked) == sorted(ARCHIVES)


def test_a_repository_that_falters_is_asked_again(repository: Repository, lock: Path, tmp_path: Path) -> None:
    repository.failures_to_come = 3
    folder = fetch_jars(tmp_path / "cache", lambda _: None, lock)
    assert len(list(folder.iterdir())) == len(ARCHIVES)


def test_an_archive_with_another_content_is_refused(repository: Repository, lock: Path, tmp_path: Path) -> None:
    path = "org/example/part7/1.0/part7-1.0.jar"
    (repository.folder / path).write_bytes(b"7" * len(ARCHIVES[path]))
    with pytest.raises(ServiceError, match=r"part7-1.0.jar is not the file that is pinned"):
        fetch_jars(tmp_path / "cache", lambda _: None, lock)
    assert not list((tmp_path / "cache").rglob("part7*"))


def test_an_archive_that_the_repository_lacks_is_named(repository: Repository, lock: Path, tmp_path: Path) -> None:
    (repository.folder / "org/example/part7/1.0/part7-1.0.jar").unlink()
    with pytest.raises(ServiceError, match=r"part7-1.0.jar could not be downloaded: HTTP 404") as caught:
        fetch_jars(tmp_path / "cache", lambda _: None, lock)
    assert caught.value.where == f"{repository.url}/org/example/part7/1.0/part7-1.0.jar"


def test_a_mirror_that_does_not_answer_is_named_without_its_password(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAVEN_REPO_URL", "http://somebody:secret@127.0.0.1:9/maven/")
    monkeypatch.setattr("claims_pipeline.server.jars.ATTEMPTS", 1)
    with pytest.raises(ServiceError, match="could not be downloaded") as caught:
        fetch_jars(tmp_path / "cache", lambda _: None, lock)
    assert "secret" not in caught.value.render()
    assert "http://127.0.0.1:9/maven/org/" in caught.value.where
    assert "MAVEN_REPO_URL" in caught.value.fix


def test_a_download_for_which_there_is_no_room_is_not_begun(
    repository: Repository, lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claims_pipeline.server.jars.require_space", partial(require_space, free=lambda _: 3))
    with pytest.raises(ServiceError, match="the disk is full: HAPI FHIR's Java archives need") as refused:
        fetch_jars(tmp_path / "cache", print, lock)
    assert "CLAIMS_CACHE" in refused.value.fix
    assert repository.asked == []
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_named(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceError, match="cannot write the downloads") as caught:
        fetch_jars(tmp_path / "file" / "cache", lambda _: None, lock)
    assert "CLAIMS_CACHE" in caught.value.fix


def test_the_repository_is_maven_central_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAVEN_REPO_URL", raising=False)
    assert repository_url().startswith("https://")


def test_without_the_package_that_knows_maven_central_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAVEN_REPO_URL", raising=False)
    monkeypatch.setitem(sys.modules, "packageurl.contrib.purl2url", None)
    with pytest.raises(ServiceError, match="packageurl-python is not installed"):
        repository_url()


def test_the_pinned_archives_do_not_overwrite_one_another_and_hold_no_needless_driver() -> None:
    jars = read_lock()
    assert len({jar.name for jar in jars}) == len(jars)
    assert hapi_version(jars) == "8.8.0"
    assert not any("ojdbc" in jar.path for jar in jars)  # Oracle's licence
