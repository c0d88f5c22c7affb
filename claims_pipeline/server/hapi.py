"""The HAPI FHIR JPA server: a Java process on a port of 127.0.0.1, with PostgreSQL behind it."""

import http.client
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from claims_pipeline.errors import ServiceError
from claims_pipeline.files import make_private_folder
from claims_pipeline.log_rotation import lines_of
from claims_pipeline.ports import require_free_port
from claims_pipeline.processes import (
    ProcessIdentity,
    command_line,
    is_running,
    read_pid_file,
    start_detached,
    stop,
    wait_until,
    write_pid_file,
)
from claims_pipeline.server.java import MAIN_CLASS, java_executable
from claims_pipeline.server.postgres import DATABASE, USER, Postgres
from claims_pipeline.settings import Settings

BOOT_SECONDS = 600
STOP_SECONDS = 60
SPRING_VARIABLES = ("SPRING_", "SERVER_", "MANAGEMENT_", "LOGGING_", "DEBUG", "TRACE")
"""A person's environment must not reconfigure the server by accident; `FHIR_*` variables may."""


@dataclass(frozen=True)
class Hapi:
    """One HAPI FHIR server.

    Attributes:
        home: folder of its pid file, log and temporary files.
        port: port on 127.0.0.1.
        memory: limit of the Java heap, such as 2g.
        hosts: host names that it accepts besides the loopback's, separated by commas.
    """

    home: Path
    port: int
    memory: str
    hosts: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Hapi":
        """Return the server of an installation."""
        return cls(settings.server_path / "hapi", settings.fhir_port, settings.fhir_memory, settings.fhir_hosts)

    @property
    def log(self) -> Path:
        """Log file of the current run; the previous one is `hapi.log.1`."""
        return self.home / "hapi.log"

    @property
    def pid_file(self) -> Path:
        """File that names the Java process."""
        return self.home / "hapi.pid.json"

    def process(self) -> ProcessIdentity | None:
        """Return the running Java process, None if there is none."""
        return read_pid_file(self.pid_file)

    def is_healthy(self) -> bool:
        """Return whether the server answers and reaches its database."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/actuator/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def require_startable(self) -> None:
        """Check that the port is free, or used by this server itself.

        Raises:
            PortTaken: another program listens there.
            ServiceError: this server runs on another port.
        """
        if (process := self.process()) is None:
            require_free_port("HAPI FHIR", self.port, setting="CLAIMS_FHIR_PORT")
        elif self._port_option not in command_line(process):
            raise ServiceError(
                f"HAPI FHIR runs (pid {process.pid}), but not on port {self.port}",
                fix="claims server stop, then claims server start",
            )

    @property
    def _port_option(self) -> str:
        return f"--server.port={self.port}"

    def start(self, *, application: Path, jars: Path, postgres: Postgres) -> ProcessIdentity:
        """Start the Java process if it does not run.

        Args:
            application: jar of `application_jar`.
            jars: folder of `fetch_jars`.
            postgres: the database, running.
        """
        if process := self.process():
            return process
        temporary = self.home / "tmp"
        make_private_folder(self.home)
        temporary.mkdir(exist_ok=True)
        command: list[str | Path] = [
            *(java_executable(), f"-Xmx{self.memory}", "-XX:+UseParallelGC", "-XX:+ExitOnOutOfMemoryError"),
            *("-XX:-UsePerfData", f"-Djava.io.tmpdir={temporary}", "-Duser.timezone=UTC"),
            *("-cp", f"{application}{os.pathsep}{jars}{os.sep}*", MAIN_CLASS, self._port_option),
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SPRING_VARIABLES)} | {
            "FHIR_DB_URL": f"jdbc:postgresql://127.0.0.1:{postgres.port}/{DATABASE}?reWriteBatchedInserts=true",
            "FHIR_DB_USER": USER,
            "FHIR_DB_PASSWORD": postgres.password(),
            "FHIR_HOSTS": self.hosts,
        }
        process = start_detached(command, log=self.log, env=environment, cwd=self.home)
        write_pid_file(self.pid_file, process)
        return process

    def wait_until_healthy(self, process: ProcessIdentity, on_step: Callable[[str], None]) -> None:
        """Return when the server answers.

        Raises:
            ServiceError: the process ended, or does not answer in time.
        """
        on_step(f"HAPI FHIR: booting on 127.0.0.1:{self.port}, 15 to 60 s")
        wait_until(lambda: self.is_healthy() or not is_running(process), seconds=BOOT_SECONDS)
        if not is_running(process):
            raise ServiceError(f"HAPI FHIR ended while it booted: {self.last_words()}", where=str(self.log))
        if not self.is_healthy():
            raise ServiceError(
                f"HAPI FHIR does not answer after {BOOT_SECONDS} s",
                where=str(self.log),
                fix="claims server stop, then claims server start",
            )

    def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Stop the server if it runs: let requests in flight end, and kill the process after `seconds`.

        Raises:
            ServiceError: the process cannot be ended.
        """
        if process := self.process():
            stop(process, seconds=seconds)
            if is_running(process):
                raise ServiceError(f"HAPI FHIR (pid {process.pid}) cannot be stopped", where=str(self.log))
        self.pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """Return the last "Caused by" in its log, otherwise the last line."""
        lines = lines_of(self.log)
        causes = [line for line in lines if line.startswith("Caused by:")]
        return (causes or [line for line in lines if line.strip()] or ["it left no log"])[-1].strip()[:300]
