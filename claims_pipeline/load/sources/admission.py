"""Decides whether a resource that was found may be sent: its type, id and entry, and the definition of its elements."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from claims_pipeline.fhir.canonical import Json, Resource, encode, without_volatile_meta
from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.load.sources.documents import Candidate, Refusal
from claims_pipeline.load.sources.elements import problems, r4

SHOWN_PROBLEMS = 5
STORING_METHODS = ("PUT", "POST")

_ID = re.compile(ID_PATTERN)
_ID_IN_URL = re.compile(r"(?:^urn:(?:uuid|oid):|/[A-Z][A-Za-z]+/)([A-Za-z0-9\-.]{1,64})$")
_UPDATE_URL = re.compile(r"^/?(?:.*/)?([A-Z][A-Za-z]+)/([^/?]+)$")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A resource that may be sent; `full_url` is how its Bundle calls it."""

    resource_type: str
    resource_id: str
    body: str
    line: int
    bundle: int | None
    full_url: str | None


def admit(candidate: Candidate) -> Admitted | Refusal:
    """Return the resource with its id and canonical JSON, or why it cannot be sent."""
    resource, entry = candidate.resource, candidate.entry or {}
    if not isinstance(resource, dict):
        return Refusal(candidate.line, f"not a FHIR resource but {_kind(resource)}")
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str):
        return Refusal(candidate.line, "resourceType is missing")
    resource_id = resource.get("id", _id_of_entry(entry))
    refusal = (
        _reason_of_type(resource_type)
        or _reason_of_id(resource_id)
        or _reason_of_entry(entry, resource_type, resource_id)
        or "; ".join(islice(problems(resource), SHOWN_PROBLEMS))
    )
    known_id = resource_id if isinstance(resource_id, str) else None
    if refusal:
        return Refusal(candidate.line, refusal, resource_type, known_id)
    try:
        body = encode(without_volatile_meta(resource | {"id": resource_id}))
    except ValueError as error:
        return Refusal(candidate.line, str(error), resource_type, known_id)
    full_url = entry.get("fullUrl")
    known_url = full_url if isinstance(full_url, str) else None
    return Admitted(resource_type, str(resource_id), body, candidate.line, candidate.bundle, known_url)


def _kind(value: Json) -> str:
    return {list: "a JSON array", str: "a JSON string", type(None): "null"}.get(type(value), "a JSON value")


def _reason_of_type(resource_type: str) -> str:
    if resource_type == "Bundle":
        return "a Bundle inside a Bundle is not loaded"
    if resource_type not in r4().resource_types:
        return f"{resource_type!r} is not a resource type of FHIR R4"
    return ""


def _reason_of_id(resource_id: Json) -> str:
    if resource_id is None:
        return "id is missing"
    if not isinstance(resource_id, str) or not _ID.fullmatch(resource_id):
        return f"FHIR does not allow the id {resource_id!r}: letters, digits, '-' and '.', at most 64"
    return ""


def _reason_of_entry(entry: Resource, resource_type: str, resource_id: Any) -> str:
    """Return what the entry's request asks for that is not to store this resource under this id."""
    request = entry.get("request")
    if not isinstance(request, dict):
        return ""
    method, url = str(request.get("method")), str(request.get("url", ""))
    if method not in STORING_METHODS:
        return f"the entry asks for {method}, only {' and '.join(STORING_METHODS)} are loaded"
    update = _UPDATE_URL.match(url) if method == "PUT" else None
    if update and update.groups() != (resource_type, resource_id):
        return f"request.url is {url}, but the resource is {resource_type}/{resource_id}"
    return ""


def _id_of_entry(entry: Resource) -> str | None:
    """Return the id of a resource that has none itself: from the URL of its update, or its full URL."""
    request = entry.get("request")
    if isinstance(request, dict) and request.get("method") == "PUT":
        update = _UPDATE_URL.match(str(request.get("url", "")))
        if update:
            return update[2]
    found = _ID_IN_URL.search(str(entry.get("fullUrl", "")))
    return found[1] if found else None
