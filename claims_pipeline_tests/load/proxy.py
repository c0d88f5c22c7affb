"""A proxy in front of the real FHIR server that does what the real one will not do on demand."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from claims_pipeline.fhir_access import without_tls


@dataclass(frozen=True)
class Request:
    """One request on its way to the server; `number` counts the POSTs of bundles from 1, 0 for other requests."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    number: int


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of being passed on.

    Attributes:
        status: answer with this status, instead of the server's.
        headers: headers of that answer.
        body: body of that answer.
        is_passed_on: the server does get the request.
        is_cut: the connection is closed without an answer.
        keep_bytes: of the server's answer, only this many bytes arrive, then the connection is closed.
        delay_seconds: wait before answering.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_passed_on: bool = False
    is_cut: bool = False
    keep_bytes: int | None = None
    delay_seconds: float = 0.0


Rule = Callable[[Request], Fault | None]


@dataclass
class Proxy:
    """A running proxy: its FHIR base address, and what it saw; `bundles` counts transactions."""

    base_url: str
    rule: Rule
    bundles: int = 0
    seen: list[Request] = field(default_factory=list)


@contextmanager
def faulty(upstream: str, rule: Rule, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Run a proxy to the FHIR base address `upstream` while the block runs, with TLS if a context is given."""
    loop = asyncio.new_event_loop()
    proxy = Proxy("", rule)
    started = threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        parts = urlsplit(upstream)
        async with httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc}", timeout=120, trust_env=False, verify=without_tls()
        ) as client:
            listener = await asyncio.start_server(lambda r, w: _serve(proxy, client, r, w), "127.0.0.1", 0, ssl=tls)
            port = listener.sockets[0].getsockname()[1]
            proxy.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{port}{parts.path}"
            started.set()
            await stop.wait()
            listener.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await asyncio.sleep(0.01)  # the transports are closed by callbacks of the loop

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(
    proxy: Proxy, client: httpx.AsyncClient, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while (request := await _read(proxy, reader)) is not None:
            proxy.seen.append(request)
            answer = await _answer(proxy, client, request)
            if answer is None:
                break
            content, is_whole = answer
            writer.write(content)
            await writer.drain()
            if not is_whole:
                break
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        pass
    finally:
        writer.transport.abort()


async def _read(proxy: Proxy, reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    is_bundle = method == "POST" and not target.endswith("_search")
    proxy.bundles += is_bundle
    return Request(method, target, headers, body, proxy.bundles if is_bundle else 0)


async def _answer(proxy: Proxy, client: httpx.AsyncClient, request: Request) -> tuple[bytes, bool] | None:
    """Return the bytes of the answer and whether they are all of it; None to close the connection."""
    fault = proxy.rule(request)
    if fault is None:
        return await _forward(client, request), True
    await asyncio.sleep(fault.delay_seconds)
    passed = await _forward(client, request) if fault.is_passed_on or fault.keep_bytes is not None else b""
    if fault.is_cut:
        return None
    if fault.keep_bytes is not None:
        head, _, body = passed.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n" + body[: fault.keep_bytes], False
    if fault.status:
        return _http(fault.status, fault.headers, fault.body), True
    return passed or await _forward(client, request), True


async def _forward(client: httpx.AsyncClient, request: Request) -> bytes:
    headers = {k: v for k, v in request.headers.items() if k not in {"host", "connection", "content-length"}}
    answer = await client.request(request.method, request.target, headers=headers, content=request.body)
    kept = {k: v for k, v in answer.headers.items() if k in {"content-type", "etag", "location"}}
    return _http(answer.status_code, kept, answer.content)


def _http(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} x", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
