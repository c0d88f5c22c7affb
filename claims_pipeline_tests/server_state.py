"""What the server holds, read without the loader's own code."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx

NO_CACHE = {"Cache-Control": "no-cache"}
MARKER = "Basic/claims-pipeline-ledger"

_began = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def client() -> httpx.Client:
    """Return the client of this process: a new one reads certificates, which takes longer than a request.

    It keeps no connection, since tests end servers.
    """
    return httpx.Client(headers=NO_CACHE, trust_env=False, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))


def begin_module() -> None:
    """Let `ids` and `versions` leave out what was written before: to read it all takes longer than the tests do."""
    global _began
    _began = datetime.now(UTC)


def forget_marker(base_url: str) -> None:
    """Make the server one that no ledger fills."""
    client().delete(f"{base_url}/{MARKER}").raise_for_status()


def read(base_url: str, name: str) -> dict[str, Any]:
    """Return a resource by `Type/id`."""
    answer = client().get(f"{base_url}/{name}")
    answer.raise_for_status()
    resource: dict[str, Any] = answer.json()
    return resource


def put(base_url: str, resource: Mapping[str, Any]) -> None:
    """Write a resource as somebody else would."""
    name = f"{resource['resourceType']}/{resource['id']}"
    client().put(f"{base_url}/{name}", json=resource).raise_for_status()


def version(base_url: str, name: str) -> int:
    """Return the number of versions that a resource has had."""
    return int(read(base_url, name)["meta"]["versionId"])


def ids(base_url: str, resource_type: str, prefix: str) -> list[str]:
    """Return the ids of a type that start with a prefix, each as often as the server has it."""
    return sorted(resource["id"] for resource in _found(base_url, resource_type, prefix))


def versions(base_url: str, resource_type: str, prefix: str) -> set[int]:
    """Return the numbers of versions that the resources of a type have had whose ids start with a prefix."""
    return {int(resource["meta"]["versionId"]) for resource in _found(base_url, resource_type, prefix)}


def _found(base_url: str, resource_type: str, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield id and meta of each resource of a type, written since the module began, whose id starts with a prefix."""
    since = _began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    url: str | None = f"{base_url}/{resource_type}?_lastUpdated=ge{since}&_elements=id&_count=1000"
    while url:
        page = client().get(url).json()
        resources = (entry["resource"] for entry in page.get("entry", []))
        yield from (resource for resource in resources if resource["id"].startswith(prefix))
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)


def holds(base_url: str, name: str) -> bool:
    """Tell whether the server has a resource by `Type/id`."""
    return client().get(f"{base_url}/{name}").is_success
