"""The HTTP client of the loader: one `httpx.AsyncClient`, authenticated, with a time limit for each request.

Logs and error messages never have a body, only an OperationOutcome about it.
"""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.fhir_access import FHIR_JSON, TokenUnavailable, client_options
from claims_pipeline.load.sending.answer import BASE_FIX, plain, refused
from claims_pipeline.settings import Settings

CONNECT_SECONDS = 10.0
READY_POLL_SECONDS = 1.0
NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"
HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_NOT_FOUND, HTTP_GONE = 401, 403, 404, 410


@dataclass
class Traffic:
    """The requests of one run and their answers; `latencies` are of requests with resources, in seconds."""

    requests: int = 0
    requests_with_resources: int = 0
    retries: int = 0
    sent_bytes: int = 0
    latencies: list[float] = field(default_factory=list)
    status_codes: dict[str, int] = field(default_factory=dict)

    def count_status(self, status: str) -> None:
        """Count one answer by its status code, or by the kind of error that came instead."""
        self.status_codes[status] = self.status_codes.get(status, 0) + 1


@dataclass(frozen=True)
class FhirClient:
    """Requests to one server, counted."""

    base_url: str
    http: httpx.AsyncClient
    has_gzip: bool
    traffic: Traffic = field(default_factory=Traffic)

    async def get(self, path: str) -> httpx.Response:
        """Send a GET request that no cache may answer."""
        return await self.read("GET", f"{self.base_url}/{path}")

    async def read(self, method: str, address: str, **content: Any) -> httpx.Response:
        """Send a request that reads, to a full address: a GET, or a POST with a search in its body."""
        self.traffic.requests += 1
        return await self.http.request(method, address, headers={"Cache-Control": "no-cache"}, **content)

    async def write(self, method: str, address: str, content: bytes | None = None) -> httpx.Response:
        """Send a request that writes anything but loaded resources: the marker, or an operation on labels."""
        self.traffic.requests += 1
        headers = {"Content-Type": FHIR_JSON} if content else None
        return await self.http.request(method, address, content=content, headers=headers)

    async def post_bundle(
        self, content: bytes, *, is_deletion: bool = False, conflict_retries: int = 0
    ) -> httpx.Response:
        """Send a transaction.

        `conflict_retries`: how often the server itself repeats a transaction that conflicts with another write. HAPI
        FHIR takes a value that its database refuses for a conflict too, and each repetition takes as long as the first.
        Profiles, labels and tags are replaced by those that are sent; without the header, HAPI FHIR keeps old ones.
        """
        headers = {"Content-Type": FHIR_JSON}
        if conflict_retries:
            headers["X-Retry-On-Version-Conflict"] = f"retry; max-retries={conflict_retries}"
        if not is_deletion:
            headers["X-Meta-Snapshot-Mode"] = "PROFILE, SECURITY_LABEL, TAG"
        if self.has_gzip:
            content = await asyncio.to_thread(gzip.compress, content, 1)
            headers["Content-Encoding"] = "gzip"
        self.traffic.requests += 1
        self.traffic.requests_with_resources += 1
        self.traffic.sent_bytes += len(content)
        return await self.http.post(self.base_url, content=content, headers=headers)


def transport(settings: Settings) -> httpx.AsyncBaseTransport | None:
    """Return the transport of requests: None for the network. Tests return a server in memory."""
    del settings
    return None


@asynccontextmanager
async def connect(settings: Settings, traffic: Traffic | None = None) -> AsyncIterator[FhirClient]:
    """Yield a client for the server of `settings` that adds to `traffic`, if it is given.

    Raises:
        ConfigError: the file of certificates cannot be used, or both kinds of authentication are set.
    """
    base_url = settings.fhir_base_url
    seconds = settings.fhir_request_seconds
    http = httpx.AsyncClient(
        **client_options(settings),
        transport=transport(settings),
        timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds), pool=None),
        limits=httpx.Limits(max_connections=settings.workers + 2, max_keepalive_connections=settings.workers + 2),
    )
    async with http:
        yield FhirClient(base_url, http, settings.fhir_gzip, traffic or Traffic())


async def wait_until_ready(client: FhirClient, path: str, *, seconds: float) -> httpx.Response:
    """Read `path` until the server answers it as a FHIR server does.

    Args:
        client: the server.
        path: what to read; 404 is an answer too.
        seconds: how long to try; 0 tries once.

    Raises:
        ServerUnavailable: no such answer came in time.
        FhirError: it denies access, or is not a FHIR server.
    """
    deadline = time.monotonic() + seconds
    unavailable: httpx.RequestError | None
    while True:
        try:
            unavailable = None
            answer = await client.get(path)
            if (problem := _not_ready(answer)) is None:
                return answer
        except httpx.RequestError as error:
            if NOT_TRUSTED in str(error):
                raise _untrusted(client) from error
            problem, unavailable = plain(error), error
        if time.monotonic() + READY_POLL_SECONDS > deadline:
            raise _unavailable(client, problem, unavailable, seconds)
        await asyncio.sleep(READY_POLL_SECONDS)


def _unavailable(
    client: FhirClient, problem: str, error: httpx.RequestError | None, seconds: float
) -> ServerUnavailable:
    if isinstance(error, TokenUnavailable):
        fix = "see that it runs, or correct CLAIMS_FHIR_TOKEN_URL, then run the same command again"
        return ServerUnavailable(problem, where=error.url, fix=fix)
    waited = f" within {seconds:.0f} s" if seconds else ""
    return ServerUnavailable(
        f"the FHIR server did not answer{waited}: {problem}",
        where=client.base_url,
        fix="claims server start, or point --fhir-base at a server that runs",
    )


def _untrusted(client: FhirClient) -> FhirError:
    return FhirError(
        "the server's certificate is not trusted",
        where=client.base_url,
        fix="set CLAIMS_FHIR_CA_FILE to the certificate of the authority that signed it",
    )


def _not_ready(answer: httpx.Response) -> str | None:
    """Return why the server is not ready, None if it is."""
    status = answer.status_code
    if status in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN}:
        raise refused(answer)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.TOO_MANY_REQUESTS:
        return f"HTTP {status}"
    if not is_fhir(answer) or (answer.is_error and status not in {HTTP_NOT_FOUND, HTTP_GONE}):
        raise FhirError(
            f"there is no FHIR server at this address: HTTP {status}"
            + (f", it redirects to {answer.headers.get('location', 'elsewhere')}" if answer.is_redirect else ""),
            where=str(answer.request.url),
            fix=BASE_FIX,
        )
    return None


def is_fhir(answer: httpx.Response) -> bool:
    """Return whether an answer is a FHIR resource, and not the page of a proxy."""
    try:
        return "resourceType" in answer.json()
    except (ValueError, TypeError):
        return False
