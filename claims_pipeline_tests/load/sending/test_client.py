"""Requests to a FHIR server, and waiting until there is one."""

import asyncio
import gzip

import httpx
import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.fhir_access import without_tls
from claims_pipeline.load.sending.client import FhirClient, Traffic, connect, wait_until_ready
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, Response, everything, outcome, times


def ready(target: Settings, *, seconds: float = 0) -> int:
    """Return the status of the answer for which was waited."""

    async def asked() -> int:
        async with connect(target) as client:
            return (await wait_until_ready(client, "Basic/x", seconds=seconds)).status_code

    return asyncio.run(asked())


@pytest.mark.parametrize("status", [404, 410])
def test_a_server_that_does_not_have_the_resource_is_ready(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(lambda _: outcome(status, "HAPI-2001: not known"))

    assert ready(fake_target) == status


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Response(200, b"<html>welcome</html>"), "HTTP 200"),
        (Response(404, b"<html>nothing here</html>"), "HTTP 404"),
        (outcome(400, "HAPI-0302: what?"), "HTTP 400"),
        (Response(200, [1]), "HTTP 200"),
        (Response(302, b"", {"location": "https://sign-in.example"}), "it redirects to https://sign-in.example"),
        (Response(302, b""), "it redirects to elsewhere"),
    ],
)
def test_an_address_without_a_fhir_server_is_reported_at_once(
    fake_server: FakeServer, fake_target: Settings, answer: Response, problem: str
) -> None:
    fake_server.behave(lambda _: answer)

    with pytest.raises(FhirError, match=f"no FHIR server at this address: .*{problem}"):
        ready(fake_target, seconds=20)
    assert len(fake_server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_denies_access_is_reported_at_once(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(everything(status))

    with pytest.raises(FhirError, match=f"denies access: HTTP {status}"):
        ready(fake_target, seconds=20)
    assert len(fake_server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_starts_is_waited_for_and_one_that_may_not_be_is_asked_once(
    fake_server: FakeServer, fake_target: Settings, status: int
) -> None:
    fake_server.behave(times(3, everything(status)))

    with pytest.raises(ServerUnavailable, match=f"did not answer: HTTP {status}"):
        ready(fake_target, seconds=0)
    assert len(fake_server.requests) == 1
    assert ready(fake_target, seconds=20) == 404
    assert len(fake_server.requests) == 4


@pytest.mark.parametrize(("seconds", "connect_seconds"), [(120.0, 10.0), (3.0, 3.0)])
def test_a_request_has_a_time_limit_and_a_shorter_one_to_connect(
    fake_target: Settings, seconds: float, connect_seconds: float
) -> None:
    async def limits() -> httpx.Timeout:
        async with connect(fake_target.model_copy(update={"fhir_request_seconds": seconds})) as client:
            return client.http.timeout

    assert asyncio.run(limits()) == httpx.Timeout(seconds, connect=connect_seconds, pool=None)


def test_a_transaction_says_what_the_server_repeats_and_which_labels_it_replaces(
    fake_server: FakeServer, fake_target: Settings
) -> None:
    content = b'{"resourceType":"Bundle","type":"transaction","entry":[]}'
    traffic = Traffic()

    async def send() -> None:
        async with connect(fake_target, traffic) as client:
            await client.get("metadata")
            await client.write("DELETE", f"{client.base_url}/Patient/p-1")
            await client.write("PUT", f"{client.base_url}/Patient/p-1", b"{}")
            await client.post_bundle(content, conflict_retries=2)
            await client.post_bundle(content, is_deletion=True)

    asyncio.run(send())

    read, deleted, put, update, deletion = (request.headers for request in fake_server.requests)
    assert read["cache-control"] == "no-cache"
    assert "content-type" not in deleted
    assert put["content-type"] == update["content-type"] == deletion["content-type"] == "application/fhir+json"
    assert update["x-retry-on-version-conflict"] == "retry; max-retries=2"
    assert update["x-meta-snapshot-mode"] == "PROFILE, SECURITY_LABEL, TAG"
    assert not {"x-retry-on-version-conflict", "x-meta-snapshot-mode", "content-encoding"} & deletion.keys()
    assert (traffic.requests, traffic.requests_with_resources, traffic.sent_bytes) == (5, 2, 2 * len(content))


def test_a_transaction_is_packed_if_the_server_takes_that() -> None:
    content = b'{"resourceType":"Bundle"}' * 100
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    async def send() -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), verify=without_tls()) as http:
            client = FhirClient("http://fake.test/fhir", http, has_gzip=True)
            await client.post_bundle(content)
            return client.traffic.sent_bytes

    assert asyncio.run(send()) == len(requests[0].content) < len(content) / 10
    assert requests[0].headers["content-encoding"] == "gzip"
    assert gzip.decompress(requests[0].content) == content


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        (Response(200, b"<html>"), f"{BASE}/Basic/x"),
        (outcome(401, "no"), f"{BASE}/Basic/x"),
        (outcome(503, "later"), BASE),
        (httpx.ConnectError("refused"), BASE),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), BASE),
    ],
    ids=["no FHIR", "denied", "busy", "not there", "not trusted"],
)
def test_an_error_of_the_server_names_its_address(
    fake_server: FakeServer, fake_target: Settings, answer: Response | httpx.RequestError, where: str
) -> None:
    fake_server.behave(lambda _: answer)

    with pytest.raises((FhirError, ServerUnavailable)) as caught:
        ready(fake_target)

    assert caught.value.where == where
    assert "within" not in caught.value.message
    assert len(fake_server.requests) == 1


@pytest.mark.heavy
def test_how_long_a_server_was_waited_for_is_said(fake_server: FakeServer, fake_target: Settings) -> None:
    fake_server.behave(everything(503))

    with pytest.raises(ServerUnavailable, match=r"did not answer within 1 s: HTTP 503$"):
        ready(fake_target, seconds=0.6)
    assert len(fake_server.requests) > 2


def test_a_certificate_that_is_not_trusted_is_reported_at_once(fake_server: FakeServer, fake_target: Settings) -> None:
    fake_server.behave(lambda _: httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))

    with pytest.raises(FhirError, match="the server's certificate is not trusted"):
        ready(fake_target, seconds=20)
    assert len(fake_server.requests) == 1
