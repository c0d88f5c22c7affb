"""Who holds a port."""

import os
import socket
import time

import pytest

from claims_pipeline.errors import PortTaken
from claims_pipeline.ports import free_port, port_holder, require_free_port


def test_a_free_port_has_no_holder() -> None:
    assert port_holder(free_port()) is None


def test_the_holder_of_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken) as caught:
            require_free_port("the example", port, setting="CLAIMS_EXAMPLE_PORT")
    assert str(os.getpid()) in caught.value.message
    assert f"port {port}" in caught.value.message
    assert "CLAIMS_EXAMPLE_PORT" in caught.value.fix


def test_a_port_that_all_addresses_share_is_taken_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:  # noqa: S104 - what another program might do
        assert port_holder(listener.getsockname()[1])


def test_a_connection_that_was_just_closed_does_not_hold_a_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # the server's side waits in TIME_WAIT
        client.close()
    time.sleep(0.05)
    assert port_holder(port) is None
