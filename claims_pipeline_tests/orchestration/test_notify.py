"""Delivery to local receivers: a web server that takes a webhook, a mail server."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from claims_pipeline.errors import ServiceError
from claims_pipeline.orchestration.notify import Message, deliver
from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings

ALERT = Message("daily_feed failed", "days: 2025-02-05")


@contextmanager
def running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield an address and the JSON that was posted to it."""
    got: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}/hook", got


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Yield a port and the mails that arrived there."""
    got: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            while line := self.rfile.readline().decode().strip():
                if line.upper() == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
                    got.append("\n".join(lines))
                self.wfile.write(b"221 bye\r\n" if line.upper() == "QUIT" else b"250 ok\r\n")
                if line.upper() == "QUIT":
                    return

    server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield server.server_address[1], got


def test_a_webhook_gets_json_that_slack_and_teams_take(tmp_path: Path) -> None:
    with webhook() as (address, got):
        deliver(ALERT, Settings(home=tmp_path, alert_webhook=SecretStr(address)))

    assert got == [{"text": "daily_feed failed\ndays: 2025-02-05"}]


def test_mail_goes_to_all_who_are_named(tmp_path: Path) -> None:
    with mail_server() as (port, got):
        deliver(
            ALERT,
            Settings(home=tmp_path, alert_email="a@example.org,b@example.org", smtp_port=port, alert_sender="c@d.org"),
        )

    assert "Subject: daily_feed failed" in got[0]
    assert "From: c@d.org" in got[0]
    assert "To: a@example.org" in got[0]
    assert "b@example.org" in got[0]
    assert "days: 2025-02-05" in got[0]


def test_without_a_place_nothing_is_sent(tmp_path: Path) -> None:
    deliver(ALERT, Settings(home=tmp_path))


def test_what_cannot_be_delivered_is_said_without_the_secret_address(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/secret"

    with pytest.raises(ServiceError, match="ConnectError") as caught:
        deliver(ALERT, Settings(home=tmp_path, alert_webhook=SecretStr(address)))

    assert "secret" not in caught.value.render()
