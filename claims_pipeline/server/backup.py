"""Backups of what the embedded server holds: one file, pg_dump's custom format, readable by its owner only.

PostgreSQL's programs read and write what is opened here: for root they run as a user who reaches few files.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from claims_pipeline.errors import ConfigError, DataError, ServiceError
from claims_pipeline.files import replacing
from claims_pipeline.server.binaries import require_own
from claims_pipeline.server.control import OnStep, one_command, require_usable, start, unheard
from claims_pipeline.server.hapi import Hapi
from claims_pipeline.server.postgres import DATABASE, Postgres
from claims_pipeline.server.space import LEAST_BYTES, require_space
from claims_pipeline.settings import Settings

RESTORING, REPLACED = f"{DATABASE}_restoring", f"{DATABASE}_replaced"
MAINTENANCE = "postgres"
"""The database to be in while others are made, renamed and dropped."""

EXPANSION = 5
"""A restored database is at least this many times as large as its backup, which is compressed and has no indexes."""

RESOURCES_TABLE = "TABLE public hfj_resource"
FIX = "name a file that claims server backup wrote"
CREATED_AT = re.compile(r"^;\s+Archive created at (.+)$", re.MULTILINE)


def backup(settings: Settings, file: Path, *, has_force: bool = False, on_step: OnStep = unheard) -> int:
    """Write all that the embedded server holds, as of one moment, into a file; the server may keep running.

    If PostgreSQL does not run, it is started for that time.

    Args:
        settings: the installation.
        file: the backup, complete or not there.
        has_force: replace a backup that is there.
        on_step: called with each step as it begins.

    Returns:
        Size of the backup in bytes.

    Raises:
        ConfigError: `file` is there already, or cannot be written.
        ServiceError: there is no server yet, or PostgreSQL failed; its words are in the message.
    """
    _require_writable(file, has_force=has_force)
    require_own(settings.server_path)
    postgres = Postgres.of(settings)
    if not postgres.is_initialised:
        raise ServiceError("there is no server to back up yet", where=str(postgres.home), fix="claims server start")
    with one_command(settings, on_step), _running(postgres, on_step):
        on_step("PostgreSQL: writing the backup")
        _dump(postgres, file)
    return file.stat().st_size


def require_backup(settings: Settings, file: Path) -> str:
    """Check that a file begins as a backup of a FHIR server does; only restoring it shows whether it is complete.

    Returns:
        When it was made, such as 2026-11-24 07:07:35 UTC.

    Raises:
        ConfigError: there is no such file.
        DataError: it cannot be read, or is something else.
    """
    if not file.exists():
        raise ConfigError("there is no such file", where=str(file), fix=FIX)
    if file.is_dir():
        raise ConfigError("a backup is a file, and this is a folder", where=str(file), fix=FIX)
    try:
        with file.open("rb") as source:
            listed = Postgres.of(settings).run("pg_restore", "--list", stdin=source)
    except OSError as error:
        raise DataError(f"the backup cannot be read: {error.strerror}", where=str(file), fix=FIX) from error
    created_at = CREATED_AT.search(listed.stdout)
    if listed.returncode or created_at is None:
        raise DataError(f"this is no backup of a server: {_reason(listed)}", where=str(file), fix=FIX)
    if RESOURCES_TABLE not in listed.stdout:
        raise DataError("this is the backup of another database, not of a FHIR server", where=str(file), fix=FIX)
    return created_at[1].strip()


def restore(settings: Settings, file: Path, on_step: OnStep = unheard) -> bool:
    """Replace all that the embedded server holds by a backup.

    The backup goes into a database of its own beside the present one, then the two change names: whatever fails
    before leaves the present content in place. Only for the change HAPI FHIR is stopped; it is started again if it ran.

    Args:
        settings: the installation, made if it is not there.
        file: what `backup` wrote; statements in it are executed.
        on_step: called with each step as it begins.

    Returns:
        True if the FHIR server runs again, False if it did not run before.

    Raises:
        DataError: the file is no backup, or not a whole one.
        ConfigError: there is no such file, or the installation's folder cannot be written.
        ServiceError: the disk has no room for a second database, or PostgreSQL or HAPI FHIR failed.
        PortTaken: PostgreSQL's port is taken.
    """
    require_usable(settings)
    require_backup(settings, file)
    postgres, hapi = Postgres.of(settings), Hapi.of(settings)
    needed = LEAST_BYTES + EXPANSION * file.stat().st_size
    require_space(postgres.home, needed, what="the restored database", setting="CLAIMS_HOME")
    had_hapi = hapi.process() is not None
    try:
        with one_command(settings, on_step), _running(postgres, on_step), _restored(postgres, file, on_step):
            if hapi.process():
                on_step("HAPI FHIR: stopping")
            hapi.stop()
            on_step("PostgreSQL: putting the backup in place")
            _change_places(postgres)
    finally:
        if had_hapi and hapi.process() is None:
            start(settings, on_step)
    return had_hapi


def _require_writable(file: Path, *, has_force: bool) -> None:
    if file.exists() and not file.is_file():
        raise ConfigError("the backup has to be a file", where=str(file), fix="give the name of a file")
    if file.exists() and not has_force:
        raise ConfigError("this file is there already", where=str(file), fix="another name, or --force to replace it")
    if not file.parent.is_dir():
        raise ConfigError("there is no such folder", where=str(file.absolute().parent), fix="make it first")


@contextmanager
def _running(postgres: Postgres, on_step: OnStep) -> Iterator[None]:
    """Have PostgreSQL run for a `with` block."""
    postgres.require_startable()
    ran_before = postgres.process() is not None
    postgres.start(on_step)
    try:
        yield
    finally:
        if not ran_before:
            on_step("PostgreSQL: stopping")
            postgres.stop()


def _dump(postgres: Postgres, file: Path) -> None:
    try:
        with replacing(file, owner_only=True) as temporary:
            with temporary.open("wb") as target:
                done = postgres.run_client("pg_dump", "--format=custom", "--no-owner", "--no-privileges", stdout=target)
            if done.returncode:
                raise ServiceError(f"the backup could not be made: {_reason(done)}", where=str(file))
    except OSError as error:
        raise ConfigError(
            f"the backup cannot be written: {error.strerror}", where=str(file), fix="give a file in a folder of yours"
        ) from error


@contextmanager
def _restored(postgres: Postgres, file: Path, on_step: OnStep) -> Iterator[None]:
    """Have the backup in the database `RESTORING` for a `with` block that may give it another name."""
    _drop(postgres, RESTORING, REPLACED)  # what a killed restore left
    on_step("PostgreSQL: reading the backup")
    try:
        _must(postgres, f"CREATE DATABASE {RESTORING} TEMPLATE template0")
        with file.open("rb") as source:
            options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
            done = postgres.run_client("pg_restore", *options, database=RESTORING, stdin=source)
        if done.returncode:
            raise DataError(
                f"the backup cannot be restored: {_reason(done)}",
                where=str(file),
                fix="another backup; what the server holds has not been touched",
            )
        _must(postgres, "ANALYZE", database=RESTORING)
        yield
    finally:
        _drop(postgres, RESTORING, REPLACED)


def _change_places(postgres: Postgres) -> None:
    """Give the restored database the name of the present one, in one transaction."""
    _must(
        postgres,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('{DATABASE}', '{RESTORING}'); "  # noqa: S608 - our own names
        f"ALTER DATABASE {DATABASE} RENAME TO {REPLACED}; ALTER DATABASE {RESTORING} RENAME TO {DATABASE}",
    )


def _drop(postgres: Postgres, *databases: str) -> None:
    for database in databases:
        _must(postgres, f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _must(postgres: Postgres, sql: str, *, database: str = MAINTENANCE) -> None:
    done = postgres.run_client("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, database=database)
    if done.returncode:
        raise ServiceError(f"PostgreSQL refused: {_reason(done)}", where=str(postgres.log))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return why a program of PostgreSQL failed, in its words but without its name."""
    lines = [line for line in (done.stderr or done.stdout or "").splitlines() if line.strip()]
    errors = [line for line in lines if "error: " in line.lower()]
    return (errors or lines or [f"it ended with code {done.returncode}"])[0].split("rror: ", 1)[-1].strip()
