"""What the server holds, read without the loader's own code."""

from collections.abc import Mapping
from typing import Any

import httpx

NO_CACHE = {"Cache-Control": "no-cache"}
MARKER = "Basic/claims-pipeline-ledger"


def forget_marker(base_url: str) -> None:
    """Make the server one that no ledger fills."""
    httpx.delete(f"{base_url}/{MARKER}", trust_env=False).raise_for_status()


def read(base_url: str, name: str) -> dict[str, Any]:
    """Return a resource by `Type/id`."""
    answer = httpx.get(f"{base_url}/{name}", headers=NO_CACHE, trust_env=False)
    answer.raise_for_status()
    resource: dict[str, Any] = answer.json()
    return resource


def put(base_url: str, resource: Mapping[str, Any]) -> None:
    """Write a resource as somebody else would."""
    name = f"{resource['resourceType']}/{resource['id']}"
    httpx.put(f"{base_url}/{name}", json=resource, trust_env=False).raise_for_status()


def version(base_url: str, name: str) -> int:
    """Return the number of versions that a resource has had."""
    return int(read(base_url, name)["meta"]["versionId"])


def ids(base_url: str, resource_type: str, prefix: str) -> list[str]:
    """Return the ids of a type that start with a prefix, each as often as the server has it."""
    url: str | None = f"{base_url}/{resource_type}?_elements=id&_count=1000"
    found: list[str] = []
    while url:
        page = httpx.get(url, headers=NO_CACHE, trust_env=False, timeout=60).json()
        found += [entry["resource"]["id"] for entry in page.get("entry", [])]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    return sorted(resource_id for resource_id in found if resource_id.startswith(prefix))


def holds(base_url: str, name: str) -> bool:
    """Tell whether the server has a resource by `Type/id`."""
    return httpx.get(f"{base_url}/{name}", headers=NO_CACHE, trust_env=False).is_success
