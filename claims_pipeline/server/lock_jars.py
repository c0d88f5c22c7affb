"""Regenerate `java/jars.lock` from `java/pom.xml`: `make lock-jars`, for developers, needs Maven.

Maven resolves the archives; each is then downloaded, compared with the SHA-1 that the repository serves beside it, and
recorded with its SHA-256 and size.
"""

import hashlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from claims_pipeline.errors import ServiceError
from claims_pipeline.server.jars import LOCK_FILE, Jar, repository_url

POM = LOCK_FILE.with_name("pom.xml")
COORDINATES = re.compile(
    r"^\s+(?P<group>[\w.-]+):(?P<artifact>[\w.-]+):jar(:(?P<classifier>[\w.-]+))?:(?P<version>[\w.-]+):(compile|runtime)\b",
    re.MULTILINE,
)


def resolved_paths(pom: Path) -> list[str]:
    """Return the repository paths of a pom's runtime dependencies, as Maven resolves them.

    Raises:
        ServiceError: Maven is not installed, or it failed.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceError("making the lock needs Maven, and there is no mvn", fix="install Maven")
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "dependencies.txt"
        goal = ["dependency:list", "-DincludeScope=runtime", f"-DoutputFile={answer}"]
        done = subprocess.run([maven, "-q", "-B", "-f", pom, *goal], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServiceError(f"Maven cannot resolve the archives: {done.stdout.strip()}", where=str(pom))
        return paths_in(answer.read_text(encoding="utf-8"))


def paths_in(dependency_list: str) -> list[str]:
    """Return the repository paths that the output of Maven's `dependency:list` names, sorted."""
    found = COORDINATES.finditer(re.sub(r"\x1b\[[0-9;]*m", "", dependency_list))
    return sorted(map(_path, found))


def _path(coordinates: re.Match[str]) -> str:
    group, artifact, version = coordinates["group"], coordinates["artifact"], coordinates["version"]
    suffix = f"-{coordinates['classifier']}" if coordinates["classifier"] else ""
    return f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}{suffix}.jar"


def pinned(client: httpx.Client, path: str) -> Jar:
    """Download an archive and return it with its size and digest.

    Raises:
        ServiceError: the repository lacks it, or its SHA-1 does not match.
    """
    url = f"{repository_url()}/{path}"
    try:
        content = client.get(url).raise_for_status().content
        sha1 = client.get(f"{url}.sha1").raise_for_status().text.split()[0]
    except httpx.HTTPError as error:
        raise ServiceError(f"the archive cannot be downloaded: {error}", where=path) from error
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise ServiceError("the archive's SHA-1 is not the one that the repository gives", where=path)
    return Jar(hashlib.sha256(content).hexdigest(), len(content), path)


def main() -> None:
    """Write the lock, and print the number and size of its archives."""
    with (
        httpx.Client(verify=ssl.create_default_context(), timeout=60, follow_redirects=True) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        jars = list(pool.map(lambda path: pinned(client, path), resolved_paths(POM)))
    LOCK_FILE.write_text("".join(f"{jar.sha256} {jar.size} {jar.path}\n" for jar in jars), encoding="utf-8")
    sys.stdout.write(f"{len(jars)} archives, {sum(jar.size for jar in jars) / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
