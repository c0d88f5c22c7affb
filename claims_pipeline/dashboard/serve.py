"""Starting the dashboard."""

import errno
import socket
from collections.abc import Callable

import uvicorn

from claims_pipeline.dashboard.app import create_app
from claims_pipeline.dashboard.bundle import vega_bundle
from claims_pipeline.dashboard.guards import require_password_beyond_this_machine
from claims_pipeline.errors import ConfigError, PortTaken, ServiceError
from claims_pipeline.ports import port_holder
from claims_pipeline.settings import Settings


def serve(settings: Settings, on_listening: Callable[[], None]) -> None:
    """Answer on `settings.dashboard_host` and `dashboard_port` until interrupted.

    Args:
        settings: the installation.
        on_listening: called once the address is ours.

    Raises:
        ConfigError: the address is not this machine's, or is open to others and there is no password.
        PortTaken: another program listens there.
        ServiceError: the system does not let us listen there.
    """
    require_password_beyond_this_machine(settings)
    with _listening_socket(settings) as listener:
        on_listening()
        vega_bundle(settings.cache)
        # no access log: the addresses in it name patients
        config = uvicorn.Config(create_app(settings), log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


def _listening_socket(settings: Settings) -> socket.socket:
    host, port = settings.dashboard_host, settings.dashboard_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except socket.gaierror as error:
        raise ConfigError(
            f"there is no address {host}", where="CLAIMS_DASHBOARD_HOST", fix="an address of this machine, as 127.0.0.1"
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            holder = str(port_holder(port, host) or "another program")
            raise PortTaken("the dashboard", port, "CLAIMS_DASHBOARD_PORT", holder=holder) from error
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(
                f"{host} is not an address of this machine", where="CLAIMS_DASHBOARD_HOST", fix="for example 127.0.0.1"
            ) from error
        raise ServiceError(
            f"the dashboard cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            fix="choose another port: CLAIMS_DASHBOARD_PORT=<port>",
        ) from error
