"""A FHIR R4 server in memory, with faults on demand: the branches of the loader in milliseconds.

It answers as HAPI FHIR does, as far as the loader looks at it: updates and deletions alone and in transactions,
searches by `_id`, counts, the CapabilityStatement. `behave` adds a rule for what it does otherwise::

    fake_server.behave(about("Patient/p-1", 409, "HAPI-0550: could not execute batch"))
    fake_server.behave(times(2, every_transaction(503)))
    fake_server.behave(about("Claim/c-1", 500, "HAPI-9999: this one is too much"))

That the real server behaves like this is what the tests with the marker `server` show.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlencode

import httpx

BASE = "http://127.0.0.1:9/fhir"
"""An address on this machine, for which no list of certificates is read; nothing listens there."""
NO_CHANGE = {
    "resourceType": "OperationOutcome",
    "issue": [{"details": {"coding": [{"code": "SUCCESSFUL_UPDATE_NO_CHANGE"}]}}],
}
REFERENCE = re.compile(r'"reference": ?"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})"')
RESOURCE_TYPES = (
    *("Basic", "Claim", "Condition", "Coverage", "Encounter", "Location", "Observation", "Organization"),
    *("Patient", "Practitioner", "Procedure"),
)

Message = MutableMapping[str, Any]


class Request(NamedTuple):
    """What arrived; `entries` are the requests of a transaction, as (method, "Type/id", resource)."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    entries: tuple[tuple[str, str, dict[str, Any]], ...] = ()

    @property
    def is_transaction(self) -> bool:
        """It is a Bundle that was posted to the base."""
        return self.method == "POST" and not self.path

    @property
    def names(self) -> list[str]:
        """`Type/id` of each entry of a transaction, or what a single request is about."""
        return [name for _, name, _ in self.entries] if self.is_transaction else [self.path]


class Response(NamedTuple):
    """What is answered."""

    status: int
    body: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012  never written to


Rule = Callable[[Request], Response | httpx.RequestError | Awaitable[Response | None] | None]
"""Answers a request or raises an error; None: the server answers as usual."""


class Stored(NamedTuple):
    """A resource that the server holds, its version, and the "Type/id" of what it refers to."""

    version: int
    resource: dict[str, Any]
    targets: frozenset[str]


def stored(version: int, resource: dict[str, Any]) -> Stored:
    """Return a resource with the targets of its references."""
    return Stored(version, resource, frozenset(REFERENCE.findall(json.dumps(resource))))


@dataclass
class FakeServer:
    """The server.

    Attributes:
        held: what it holds, by "Type/id".
        deleted: last version of what was deleted.
        requests: all that arrived.
        most_at_once: most transactions under way at the same time.
        fhir_version: what its CapabilityStatement says.
        resource_types: those that it knows.
        page_size: resources on a page of a search.
        has_integrity: it refuses references to what it does not hold, and deletions of what is referred to.
    """

    held: dict[str, Stored] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    fhir_version: str = "4.0.1"
    resource_types: tuple[str, ...] = RESOURCE_TYPES
    page_size: int = 50
    has_integrity: bool = True
    _rules: list[Rule] = field(default_factory=list)
    _at_once: int = 0

    def behave(self, rule: Rule) -> None:
        """Ask `rule` first from now on."""
        self._rules.insert(0, rule)

    def behave_well(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    @property
    def transactions(self) -> list[Request]:
        """The transactions that arrived."""
        return [request for request in self.requests if request.is_transaction]

    def names(self, resource_type: str = "") -> list[str]:
        """Return "Type/id" of what it holds, without the loader's marker."""
        return sorted(name for name in self.held if name.startswith(resource_type) and not name.startswith("Basic/"))

    def wipe(self) -> None:
        """Lose everything, as a server on an empty database."""
        self.held.clear()
        self.deleted.clear()

    async def __call__(self, scope: Message, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Answer one request (ASGI)."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = _request(scope, body)
        self.requests.append(request)
        self._at_once += request.is_transaction
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(0)
            response = await self._respond(request)
        finally:
            self._at_once -= request.is_transaction
        content = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
        headers = {"content-type": "application/fhir+json"} | response.headers
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if response.body is None else content})

    async def _respond(self, request: Request) -> Response:
        for rule in self._rules:
            answer = rule(request)
            if isinstance(answer, Awaitable):
                answer = await answer
            if isinstance(answer, httpx.RequestError):
                raise answer
            if answer is not None:
                return answer
        return self.answer(request)

    def answer(self, request: Request) -> Response:
        """Return what the server answers when no rule applies."""
        if request.is_transaction:
            return self._transaction(request)
        if request.path == "metadata":
            return Response(200, self._statement(request.query))
        resource_type, _, rest = request.path.partition("/")
        if resource_type not in self.resource_types:
            return outcome(404, f"HAPI-0302: Unknown resource type '{resource_type}'")
        if not rest or rest == "_search":
            return self._search(resource_type, request)
        if request.method == "GET":
            return self._read(request.path)
        resource = json.loads(request.body) if request.body else {}
        return self._one(request.method, request.path, resource)

    def _statement(self, query: dict[str, str]) -> dict[str, Any]:
        statement = {
            "fhirVersion": self.fhir_version,
            "rest": [{"mode": "server", "resource": [{"type": name} for name in self.resource_types]}],
        }
        wanted = query.get("_elements", "fhirVersion,rest")
        shown = {name: value for name, value in statement.items() if any(w.startswith(name) for w in wanted.split(","))}
        return {"resourceType": "CapabilityStatement"} | shown

    def _read(self, name: str) -> Response:
        if name in self.held:
            return Response(200, self._with_meta(name))
        if name in self.deleted:
            return outcome(410, f"HAPI-0389: Resource was deleted: {name}")
        return outcome(404, f"HAPI-2001: Resource {name} is not known")

    def _search(self, resource_type: str, request: Request) -> Response:
        form = request.query | {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        names = [name for name in sorted(self.held) if name.startswith(f"{resource_type}/")]
        if "_id" in form:
            ids = set(form["_id"].split(","))
            names = [name for name in names if name.partition("/")[2] in ids]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(names)}
        if form.get("_summary") == "count":
            return Response(200, bundle)
        start = int(form.get("_offset", 0))
        size = min(self.page_size, int(form.get("_count", self.page_size)))
        shown = names[start : start + size]
        bundle["entry"] = [{"resource": self._with_meta(name)} for name in shown]
        if start + size < len(names):
            following = urlencode(form | {"_offset": str(start + size)}, quote_via=quote)
            bundle["link"] = [{"relation": "next", "url": f"{BASE}/{resource_type}?{following}"}]
        return Response(200, bundle)

    def _with_meta(self, name: str) -> dict[str, Any]:
        version, resource, _ = self.held[name]
        return resource | {"meta": resource.get("meta", {}) | {"versionId": str(version)}}

    def _transaction(self, request: Request) -> Response:
        names = request.names
        if doubled := [name for name, number in Counter(names).items() if number > 1]:
            return outcome(400, f"HAPI-0535: Transaction bundle contains multiple resources with ID: {doubled[0]}")
        before = dict(self.held), dict(self.deleted)
        entries = []
        for method, name, resource in request.entries:
            response = self._one(method, name, resource, checked=False)
            if response.status >= httpx.codes.BAD_REQUEST:
                self.held, self.deleted = before
                return response
            status = f"{response.status} {HTTPStatus(response.status).phrase}"
            etag = {"etag": response.headers["etag"]} if "etag" in response.headers else {}
            entry_outcome = {"outcome": response.body} if response.body == NO_CHANGE else {}
            entries.append({"response": {"status": status} | etag | entry_outcome})
        if problem := self._broken_reference(request):
            self.held, self.deleted = before
            return problem
        return Response(200, {"resourceType": "Bundle", "type": "transaction-response", "entry": entries})

    def _one(self, method: str, name: str, resource: dict[str, Any], *, checked: bool = True) -> Response:
        if method == "DELETE":
            if checked and self.has_integrity and (problem := self._still_referenced({name})):
                return problem
            if name in self.held:
                self.deleted[name] = self.held.pop(name).version + 1
            return Response(204)
        if method != "PUT":
            return outcome(400, f"HAPI-0529: Invalid verb: {method}")
        if name.partition("/")[0] not in self.resource_types:
            return outcome(400, f"HAPI-1684: Unknown resource type: {name.partition('/')[0]}")
        known = self.held.get(name)
        if known is not None and known.resource == resource:
            return Response(200, NO_CHANGE, {"etag": f'W/"{known.version}"'})
        version = (known.version if known else self.deleted.pop(name, 0)) + 1
        self.held[name] = stored(version, resource)
        return Response(200 if known else 201, resource, {"etag": f'W/"{version}"'})

    def _broken_reference(self, request: Request) -> Response | None:
        if not self.has_integrity:
            return None
        if problem := self._still_referenced({name for method, name, _ in request.entries if method == "DELETE"}):
            return problem
        for name in [name for method, name, _ in request.entries if method == "PUT"]:
            for target in sorted(self.held[name].targets - self.held.keys()):
                path = name.partition("/")[0]
                return outcome(400, f"HAPI-1094: Resource {target} not found, specified in path: {path}.x")
        return None

    def _still_referenced(self, gone: set[str]) -> Response | None:
        for referrer, held in self.held.items():
            if referrer not in gone and (targets := held.targets & gone):
                return _still_referenced(min(targets), referrer)
        return None


def outcome(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    """Return an answer with an OperationOutcome that says `text`."""
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return Response(status, {"resourceType": "OperationOutcome", "issue": [issue]}, headers or {})


def about(name: str, status: int, text: str) -> Rule:
    """Return a rule that answers every write of the resource `name`, alone or in a transaction, with an outcome."""

    def rule(request: Request) -> Response | None:
        return outcome(status, text) if request.method != "GET" and name in request.names else None

    return rule


def every_transaction(
    status: int, text: str = "HAPI-0389: Failed to call access method", headers: dict[str, str] | None = None
) -> Rule:
    """Return a rule that answers every transaction with an outcome."""
    return lambda request: outcome(status, text, headers) if request.is_transaction else None


def everything(status: int, text: str = "HAPI-0389: Failed to call access method") -> Rule:
    """Return a rule that answers every request with an outcome."""
    return lambda _: outcome(status, text)


def lost(error: httpx.RequestError) -> Rule:
    """Return a rule by which an error comes instead of an answer to a transaction, which the server does not see."""
    return lambda request: error if request.is_transaction else None


def answer_lost(server: FakeServer) -> Rule:
    """Return a rule by which the server does what a transaction says, and its answer is lost."""

    def rule(request: Request) -> httpx.RequestError | None:
        if not request.is_transaction:
            return None
        server.answer(request)
        return httpx.ReadError("reset")

    return rule


def times(number: int, rule: Rule) -> Rule:
    """Return a rule that does as `rule` the first times that it applies, and nothing after them."""
    left = number

    def limited(request: Request) -> Response | httpx.RequestError | Awaitable[Response | None] | None:
        nonlocal left
        answer = rule(request) if left else None
        left -= answer is not None
        return answer

    return limited


def _still_referenced(name: str, referrer: str) -> Response:
    return outcome(
        409,
        f"HAPI-0550: Unable to delete {name} because at least one resource has a reference to this resource. "
        f"First reference found was resource {referrer} in path x",
    )


def _request(scope: Message, body: bytes) -> Request:
    path = str(scope["path"]).removeprefix("/fhir").strip("/")
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    entries: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    if scope["method"] == "POST" and not path:
        entries = tuple(
            (entry["request"]["method"], entry["request"]["url"], entry.get("resource", {}))
            for entry in json.loads(body)["entry"]
        )
    return Request(scope["method"], path, query, headers, body, entries)
