"""Decides whether a resource that was found may be sent: its type, id and entry, and its elements.

HAPI FHIR stores silently what breaks the element definitions of FHIR R4. Missing required elements, unknown elements,
empty values, and lists where none belong are found here. The values of primitives, bindings and invariants are left to
the server.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, TypeAlias

from claims_pipeline.fhir.canonical import Json, JsonObject, encode, without_volatile_meta
from claims_pipeline.fhir.resource import ID_PATTERN
from claims_pipeline.load.sources.documents import Candidate, Refusal

ANY_RESOURCE = "Resource"
PRIMITIVE = ""

Place: TypeAlias = tuple[Any, ...]
"""Where an element is, as a path that is written only when there is something to say."""

_RESOURCE_PARENTS = frozenset({"Resource", "DomainResource"})


@dataclass(frozen=True, slots=True)
class Element:
    """What an element holds: the name of a definition, `ANY_RESOURCE` or `PRIMITIVE`; and whether it repeats."""

    content: str
    is_list: bool = False


_UNKNOWN = Element(PRIMITIVE)


@dataclass(slots=True)
class Definition:
    """The elements of a type or backbone element, and the required ones, each with its names in JSON."""

    elements: dict[str, Element]
    required: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """The definitions by type (`Claim`, `Period`) and by path of each backbone element (`Claim.item`)."""

    definitions: Mapping[str, Definition]
    resource_types: frozenset[str]


@cache
def r4() -> Release:
    """Return the definitions of FHIR R4 (r4_elements.csv says where they come from)."""
    lines = (files("claims_pipeline.load.sources") / "r4_elements.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    resource_parents = {row["path"]: row["types"] for row in rows if row["types"] in _RESOURCE_PARENTS}
    resource_parents = {path: parent for path, parent in resource_parents.items() if "." not in path}
    elements = [row for row in rows if "." in row["path"]]
    parents = {row["path"].rpartition(".")[0] for row in elements}
    definitions = {parent: Definition(_inherited(resource_parents.get(parent))) for parent in parents}
    for row in elements:
        parent, _, name = row["path"].rpartition(".")
        by_json_name = _by_json_name(name, row, parents)
        definitions[parent].elements.update(by_json_name)
        if row["min"] != "0":
            definitions[parent].required[name] = tuple(by_json_name)
    return Release(definitions, frozenset(resource_parents))


def problems(resource: dict[str, Any]) -> Iterator[str]:
    """Yield what breaks the definition of a resource, each with the path of the element."""
    waiting: list[tuple[Any, str, Place]] = [(resource, ANY_RESOURCE, ())]
    while waiting:
        value, content, place = waiting.pop()
        if not value or type(value) is not dict:
            yield f"{_path(place)} is {'not an object' if value else 'empty'}"
            continue
        if content == ANY_RESOURCE:
            content = str(value.get("resourceType"))
            if content not in r4().resource_types:
                yield f"{_path(place)}: {content!r} is not a resource type of FHIR R4"
                continue
            place = place or (content,)
        definition = r4().definitions[content]
        if not definition.required.keys() <= value.keys():
            yield from _missing(definition, value, place)
        for name, child in value.items():
            element = definition.elements.get(name, _UNKNOWN)
            if problem := _problem(definition, element, name, child):
                yield f"{_path(place)}.{name} {problem}"
            elif element.content and element.is_list:
                waiting += [(one, element.content, (place, name, at)) for at, one in enumerate(child)]
            elif element.content:
                waiting.append((child, element.content, (place, name)))


def _missing(definition: Definition, value: dict[str, Any], place: Place) -> Iterator[str]:
    for name, json_names in definition.required.items():
        if not any(one in value or f"_{one}" in value for one in json_names):
            yield f"{_path(place)}.{name} is missing"


def _problem(definition: Definition, element: Element, name: str, child: Any) -> str:
    """Return what is wrong with one member of an object, leaving aside what is in it."""
    if element is _UNKNOWN:
        is_extension_of_primitive = name.startswith("_") and name[1:] in definition.elements
        return "" if is_extension_of_primitive else "is not an element of FHIR R4"
    if (type(child) is list) is not element.is_list:
        return "is not a list" if element.is_list else "is a list"
    if not child and not isinstance(child, int):
        return "is empty"
    if type(child) is dict and not element.content:
        return "is an object"
    return "is empty" if type(child) is str and child.isspace() else ""


def _path(place: Place) -> str:
    """Return the path of an element: its place is that of its parent, its name, and its number in a list."""
    match place:
        case (str(resource_type),):
            return resource_type
        case (parent, name):
            return f"{_path(parent)}.{name}"
        case (parent, name, number):
            return f"{_path(parent)}.{name}[{number}]"
        case _:
            return "resourceType"


def _inherited(resource_parent: str | None) -> dict[str, Element]:
    """Return the elements that a definition inherits; `resource_parent` is None for anything but a resource."""
    extensions = {name: Element("Extension", is_list=True) for name in ("extension", "modifierExtension")}
    elements = {"id": Element(PRIMITIVE)} | extensions
    if resource_parent:
        elements |= {name: Element(PRIMITIVE) for name in ("resourceType", "implicitRules", "language")}
        elements["meta"] = Element("Meta")
    if resource_parent == "DomainResource":
        elements |= {"text": Element("Narrative"), "contained": Element(ANY_RESOURCE, is_list=True)}
    return elements


def _by_json_name(name: str, row: dict[str, str], parents: set[str]) -> dict[str, Element]:
    """Return the names that an element has in JSON: one, or for a choice one for each type."""
    is_list = row["max"] == "*"
    if row["types"].startswith("#"):
        return {name: Element(row["types"][1:], is_list)}
    if row["path"] in parents:
        return {name: Element(row["path"], is_list)}
    contents = {type_: type_ if type_ in parents or type_ == ANY_RESOURCE else "" for type_ in row["types"].split("|")}
    stem = name.removesuffix("[x]")
    if stem == name:
        return {name: Element(next(iter(contents.values())), is_list)}
    return {stem + type_[0].upper() + type_[1:]: Element(content, is_list) for type_, content in contents.items()}


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


def _reason_of_entry(entry: JsonObject, resource_type: str, resource_id: Any) -> str:
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


def _id_of_entry(entry: JsonObject) -> str | None:
    """Return the id of a resource that has none itself: from the URL of its update, or its full URL."""
    request = entry.get("request")
    if isinstance(request, dict) and request.get("method") == "PUT":
        update = _UPDATE_URL.match(str(request.get("url", "")))
        if update:
            return update[2]
    found = _ID_IN_URL.search(str(entry.get("fullUrl", "")))
    return found[1] if found else None
