"""A dashboard that really listens, in a thread of the tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from claims_pipeline.fhir_access import without_tls


@contextmanager
def running(app: FastAPI, *, port: int = 0) -> Iterator[str]:
    """Yield the address of `app` on a port, a free one unless given, and stop it afterwards."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)


@contextmanager
def client_of(app: FastAPI, *, host: str = "") -> Iterator[httpx.Client]:
    """Yield a client of `app`; `host` is the name by which it asks for it."""
    with running(app) as address, _client(address, host) as client:
        yield client


def _client(address: str, host: str) -> httpx.Client:
    return httpx.Client(base_url=address, headers={"Host": host} if host else {}, verify=without_tls(), timeout=60)
