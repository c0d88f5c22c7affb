"""The Java archives of the HAPI FHIR server: pinned in `java/jars.lock`, downloaded once, checked by SHA-256.

A line of the lock is `sha256 size path`, the path relative to any Maven repository. An archive appears in the cache
under its own name only when it is whole and its digest was right, so size and name are enough to know it again: an
interrupted download continues with the archives that are missing. Pooch, which also checks digests, downloads one file
after the other and does not keep two processes from writing the same one.
"""

import hashlib
import os
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import httpx

from claims_pipeline.errors import ServiceError
from claims_pipeline.locks import one_at_a_time
from claims_pipeline.server.binaries import missing_package
from claims_pipeline.server.space import require_space

LOCK_FILE = Path(__file__).parent / "java" / "jars.lock"
DOWNLOADS_IN_PARALLEL = 8
ATTEMPTS = 4
REPORT_EVERY_BYTES = 25_000_000


@dataclass(frozen=True)
class Jar:
    """One pinned Java archive; `path` is relative to a Maven repository."""

    sha256: str
    size: int
    path: str

    @property
    def name(self) -> str:
        """File name."""
        return self.path.rsplit("/", 1)[-1]

    def is_in(self, folder: Path) -> bool:
        """Return whether the complete archive is in `folder`."""
        try:
            return (folder / self.name).stat().st_size == self.size
        except (FileNotFoundError, NotADirectoryError):
            return False


def read_lock(lock: Path = LOCK_FILE) -> list[Jar]:
    """Return the pinned archives."""
    lines = (line.split() for line in lock.read_text(encoding="utf-8").splitlines())
    return [Jar(sha256, int(size), path) for sha256, size, path in lines]


def hapi_version(jars: list[Jar]) -> str:
    """Return the version of HAPI FHIR among pinned archives."""
    return next(jar.path.split("/")[-2] for jar in jars if "/hapi-fhir-base/" in jar.path)


def repository_url() -> str:
    """Return the Maven repository: `MAVEN_REPO_URL` (a company's mirror), else Maven Central.

    Raises:
        ServiceError: the variable is not set, and the package with the address of Maven Central is not installed.
    """
    if url := os.environ.get("MAVEN_REPO_URL"):
        return url.rstrip("/")
    try:
        from packageurl.contrib.purl2url import DEFAULT_MAVEN_REPOSITORY
    except ImportError as error:
        raise missing_package("packageurl-python", "no address of Maven Central") from error
    return str(DEFAULT_MAVEN_REPOSITORY).rstrip("/")


def fetch_jars(cache: Path, on_step: Callable[[str], None], lock: Path = LOCK_FILE) -> Path:
    """Return the folder with exactly the pinned archives, downloading what is missing.

    Several processes may call it for one cache: the first downloads, the others wait for it.

    Raises:
        ServiceError: the cache cannot be written, the repository does not answer or lacks an archive, or a digest
            is wrong.
    """
    jars = read_lock(lock)
    folder = cache / f"jars-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if all(jar.is_in(folder) for jar in jars):
        return folder
    needed = sum(jar.size for jar in jars if not jar.is_in(folder))
    require_space(cache, needed, what="HAPI FHIR's Java archives", setting="CLAIMS_CACHE")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(
            cache / f"{folder.name}.lock", on_wait=lambda holder: on_step(f"Java archives: waiting for {holder}")
        ):
            missing = [jar for jar in jars if not jar.is_in(folder)]
            if missing:
                for leftover in folder.glob("*.part"):
                    leftover.unlink()
                _download_all(missing, folder, on_step)
    except OSError as error:
        raise ServiceError(
            f"cannot write the downloads: {error.strerror}", where=str(folder), fix="set CLAIMS_CACHE=<another folder>"
        ) from error
    return folder


def _download_all(jars: list[Jar], folder: Path, on_step: Callable[[str], None]) -> None:
    repository = repository_url()
    total, done, reported = sum(jar.size for jar in jars), 0, 0
    on_step(f"Java archives: downloading {len(jars)}, {total / 1e6:.0f} MB")
    system_trust_store = ssl.create_default_context()  # httpx's own list does not know a company's certificates
    with (
        httpx.Client(verify=system_trust_store, timeout=60, follow_redirects=True) as client,
        ThreadPoolExecutor(DOWNLOADS_IN_PARALLEL) as pool,
    ):
        largest_first = sorted(jars, key=lambda jar: -jar.size)
        futures = [pool.submit(_download, client, f"{repository}/{jar.path}", jar, folder) for jar in largest_first]
        try:
            for future in as_completed(futures):
                done += future.result()
                if done - reported >= REPORT_EVERY_BYTES or done == total:
                    reported = done
                    on_step(f"Java archives: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _download(client: httpx.Client, url: str, jar: Jar, folder: Path) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _download_once(client, url, jar, folder)
        except httpx.HTTPError as error:
            is_final = isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (401, 403, 404)
            if is_final or attempt == ATTEMPTS:
                raise ServiceError(
                    f"{jar.name} could not be downloaded: {_reason(error)}",
                    where=str(httpx.URL(url).copy_with(userinfo=b"")),
                    fix="claims server start (continues where it stopped); behind a mirror or a proxy set "
                    "MAVEN_REPO_URL, HTTPS_PROXY, SSL_CERT_FILE",
                ) from error
            time.sleep(2**attempt / 4)
    raise AssertionError


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return str(error) or type(error).__name__


def _download_once(client: httpx.Client, url: str, jar: Jar, folder: Path) -> int:
    digest = hashlib.sha256()
    partial = folder / f"{jar.name}.part"
    with client.stream("GET", url) as response:
        response.raise_for_status()
        with partial.open("wb") as file:
            for chunk in response.iter_bytes():
                digest.update(chunk)
                file.write(chunk)
    if digest.hexdigest() != jar.sha256:
        partial.unlink()
        raise ServiceError(
            f"{jar.name} is not the file that is pinned: SHA-256 {digest.hexdigest()[:12]}..., "
            f"wanted {jar.sha256[:12]}...",
            where=str(httpx.URL(url).copy_with(userinfo=b"")),
            fix="the repository or a proxy changed it; set MAVEN_REPO_URL to one that does not",
        )
    partial.replace(folder / jar.name)
    return jar.size
