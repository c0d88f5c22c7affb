"""Ports of this machine: which process listens on one, and which are free."""

import errno
import os
import socket
from contextlib import suppress
from dataclasses import dataclass

import psutil

from claims_pipeline.errors import PortTaken
from claims_pipeline.processes import wait_until

RELEASE_SECONDS = 5.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names and addresses by which this machine reaches itself."""


@dataclass(frozen=True)
class PortHolder:
    """Process that listens on a port; `pid` is None where the operating system does not reveal it."""

    pid: int | None
    program: str

    def __str__(self) -> str:
        return self.program if self.pid is None else f"{self.program} (pid {self.pid})"


def port_holder(port: int, host: str = "127.0.0.1") -> PortHolder | None:
    """Return the process that listens on a port, None if the port is free."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":  # connections that were just closed do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return _listener(port) if error.errno == errno.EADDRINUSE else None
    return None


def _listener(port: int) -> PortHolder:
    with suppress(psutil.Error):  # macOS reveals it to root only
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:] == (port,):
                return PortHolder(connection.pid, psutil.Process(connection.pid).name())
    return PortHolder(None, "another program")


def require_free_port(service: str, port: int, *, setting: str) -> None:
    """Check that `service` can listen on a port of 127.0.0.1, which the variable `setting` moves.

    Raises:
        PortTaken: another program listens there; the message names it.
    """
    # The port of a killed process may stay taken for a moment, without a known pid.
    wait_until(lambda: (holder := port_holder(port)) is None or holder.pid is not None, seconds=RELEASE_SECONDS)
    if holder := port_holder(port):
        raise PortTaken(service, port, setting, holder=str(holder))


def free_port() -> int:
    """Return a port of 127.0.0.1 on which no program listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
