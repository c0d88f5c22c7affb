"""Decides whether a resource of the input may be sent, and under which id."""

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from urllib.parse import parse_qsl

from claims_pipeline.fhir.canonical import REPEATED, Json, JsonObject, encode, is_decimal, without_volatile_meta
from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.load.resource import MARKER_ID
from claims_pipeline.load.sources.candidates import Candidate, Place, Refusal, Skipped
from claims_pipeline.load.sources.elements import problems, r4, shown_type

SHOWN_PROBLEMS = 5
LONGEST_ID_SHOWN = 80

_ID = re.compile(ID_PATTERN)
_ID_IN_URL = re.compile(r"(?:^urn:(?:uuid|oid):|/[A-Z][A-Za-z]+/)([A-Za-z0-9\-.]{1,64})$")
_UPDATE_URL = re.compile(r"^(?:[^?]*/)?([A-Z][A-Za-z]+)/([^/?]+)$")
_CONDITIONAL_UPDATE_URL = re.compile(r"^(?:[^?]*/)?([A-Z][A-Za-z]+)\?(.*)$")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A resource that may be sent.

    Attributes:
        resource_type: its type.
        resource_id: the id that it is sent under.
        body: its canonical JSON, with that id.
        place: its place in the file.
        bundle: number of its Bundle, None if it is not in one.
        full_url: its fullUrl in the Bundle.
        own_id: the id that the input gives it, if that is not the one that it is sent under but for the prefix.
    """

    resource_type: str
    resource_id: str
    body: str
    place: Place
    bundle: int | None
    full_url: str | None
    own_id: str | None = None


def admit(candidate: Candidate, id_prefix: str = "") -> Admitted | Refusal | Skipped:
    """Return the resource with its id and canonical JSON, or why it cannot be sent; a loader's marker is skipped.

    Args:
        candidate: what was found.
        id_prefix: put before each id.
    """
    resource, entry = candidate.resource, candidate.entry or {}
    if not isinstance(resource, dict):
        return Refusal(candidate.place, f"not a FHIR resource but {_kind(resource)}")
    resource_type = resource.get("resourceType")
    if not isinstance(resource_type, str) or is_decimal(resource_type):
        return Refusal(candidate.place, "resourceType is missing", is_other="resourceType" not in resource)
    own_id = resource.get("id", _id_of_entry(entry))
    resource_id, refusal = _id_by_condition(entry, resource, own_id)
    refusal = (
        _reason_of_type(resource_type)
        or refusal
        or _reason_of_id(resource_id)
        or _reason_of_update(entry, resource_type, own_id)
        or "; ".join(islice(problems(resource), SHOWN_PROBLEMS))
        or _reason_of_length(id_prefix, str(resource_id))
    )
    if refusal:
        is_known = isinstance(own_id, str) and not is_decimal(own_id) and resource.get(REPEATED) != "id"
        is_other = resource_type == "OperationOutcome" and own_id is None
        return Refusal(candidate.place, refusal, resource_type, own_id if is_known else None, is_other)
    if (resource_type, resource_id) == ("Basic", MARKER_ID):  # an export of a server that a loader filled has it
        return Skipped(candidate.place, f"Basic/{MARKER_ID}, the marker that a loader of this program writes itself")
    try:
        body = encode(without_volatile_meta(resource | {"id": f"{id_prefix}{resource_id}"}))
    except ValueError as error:
        return Refusal(candidate.place, str(error), resource_type, str(own_id))
    return _admitted(candidate, resource, f"{id_prefix}{resource_id}", body, own_id if own_id != resource_id else None)


def named(candidate: Candidate, resource: JsonObject, id_prefix: str) -> Admitted | None:
    """Return a resource that is not to be loaded, without its body: the names by which others refer to it.

    Args:
        candidate: what was found.
        resource: the resource in it, of a type of FHIR R4.
        id_prefix: put before each id.

    Returns:
        None if it has no valid id.
    """
    entry = candidate.entry or {}
    own_id = resource.get("id", _id_of_entry(entry))
    resource_id, refusal = _id_by_condition(entry, resource, own_id)
    if refusal or _reason_of_id(resource_id):
        return None
    return _admitted(candidate, resource, f"{id_prefix}{resource_id}", "", own_id if own_id != resource_id else None)


def _admitted(candidate: Candidate, resource: JsonObject, resource_id: str, body: str, own_id: Json) -> Admitted:
    full_url = (candidate.entry or {}).get("fullUrl")
    return Admitted(
        resource_type=resource["resourceType"],
        resource_id=resource_id,
        body=body,
        place=candidate.place,
        bundle=candidate.bundle,
        full_url=full_url if isinstance(full_url, str) else None,
        own_id=own_id if isinstance(own_id, str) else None,
    )


def _kind(value: Json) -> str:
    if is_decimal(value):
        return "a JSON value"
    return {list: "a JSON array", str: "a JSON string", type(None): "null"}.get(type(value), "a JSON value")


def _id_by_condition(entry: JsonObject, resource: JsonObject, own_id: Json) -> tuple[Json, str]:
    """Return the id under which a conditional entry stores its resource, else its own, and why it is refused.

    An identifier (system|value) stands for the same id at each load: for the resource's own, if that is its value.
    """
    asked, query = _condition(entry)
    if query is None:
        return own_id, ""
    searched = parse_qsl(query, keep_blank_values=True)
    name, value = searched[0] if len(searched) == 1 else ("", "")
    if name == "_id" and resource.get("id", value) == value:
        return value, ""
    if name == "identifier" and all(value.partition("|")):
        if value.partition("|")[2] == own_id:
            return own_id, ""
        digest = sha256(f"{resource['resourceType']}?{value}".encode(errors="backslashreplace")).hexdigest()
        return f"identifier-{digest[:32]}", ""
    return own_id, f"{asked} is understood for identifier=system|value only: give the resource an id, and PUT Type/id"


def _condition(entry: JsonObject) -> tuple[str, str | None]:
    """Return the kind of a conditional entry and its search, None if it is not conditional."""
    request = entry.get("request")
    if not isinstance(request, dict):
        return "", None
    if request.get("method") == "POST" and "ifNoneExist" in request:
        query = str(request["ifNoneExist"])
        return "a create with ifNoneExist", query.partition("?")[2] or query
    update = _CONDITIONAL_UPDATE_URL.match(str(request.get("url", ""))) if request.get("method") == "PUT" else None
    return "PUT of a search", update[2] if update else None


def _reason_of_type(resource_type: str) -> str:
    if resource_type == "Bundle":
        return "a Bundle inside a Bundle is not loaded"
    if resource_type not in r4().resource_types:
        return f"{shown_type(resource_type)} is not a resource type of FHIR R4"
    return ""


def _reason_of_id(resource_id: Json) -> str:
    if resource_id is None:
        return "id is missing"
    if not isinstance(resource_id, str | int) or is_decimal(resource_id):
        return "id is not a string"
    if not isinstance(resource_id, str) or not _ID.fullmatch(resource_id):
        shown = (
            resource_id if len(str(resource_id)) <= LONGEST_ID_SHOWN else f"{str(resource_id)[:LONGEST_ID_SHOWN]}..."
        )
        return f"FHIR does not allow the id {shown!r}: letters, digits, '-' and '.', at most 64"
    return ""


def _reason_of_length(id_prefix: str, resource_id: str) -> str:
    if id_prefix and not _ID.fullmatch(f"{id_prefix}{resource_id}"):
        return f"FHIR does not allow the id {id_prefix}{resource_id}: at most 64 characters, so a shorter prefix"
    return ""


def _reason_of_update(entry: JsonObject, resource_type: str, own_id: Json) -> str:
    """Return what is wrong with an entry that updates another resource than the one it has."""
    request = entry.get("request")
    if not isinstance(request, dict) or request.get("method") != "PUT":
        return ""
    update = _UPDATE_URL.match(str(request.get("url", "")))
    if update and update.groups() != (resource_type, own_id):
        named = f"{update[1]}/{update[2]}" if _ID.fullmatch(update[2]) else "another resource"
        return f"request.url is {named}, but the resource is {resource_type}/{own_id}"
    return ""


def _id_of_entry(entry: JsonObject) -> str | None:
    """Return the id of a resource without one, from the URL of its update or its fullUrl."""
    request = entry.get("request")
    if isinstance(request, dict) and request.get("method") == "PUT":
        update = _UPDATE_URL.match(str(request.get("url", "")))
        if update:
            return update[2]
    found = _ID_IN_URL.search(str(entry.get("fullUrl", "")))
    return found[1] if found else None
