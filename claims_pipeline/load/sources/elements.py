"""Checks resources against the element definitions of FHIR R4; HAPI FHIR stores violations silently.

Missing required elements, unknown elements, empty values, repeated names, and lists where none belong are found here.
The values of primitives, bindings and invariants are left to the server.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from claims_pipeline.errors import ConfigError
from claims_pipeline.fhir.canonical import REPEATED, Json, JsonObject, is_beyond_double

ANY_RESOURCE = "Resource"
PRIMITIVE = ""

Place: TypeAlias = tuple[Any, ...]
"""Where an element is; made into a path only for a message."""

URL_TYPES = frozenset({"uri", "url", "canonical", "oid", "uuid"})
"""Primitive types in which a transaction follows the fullUrl of an entry, as it does in a Reference."""

_NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")
_RESOURCE_PARENTS = frozenset({"Resource", "DomainResource"})


@dataclass(frozen=True, slots=True)
class Element:
    """What an element holds: the name of a definition, `ANY_RESOURCE` or `PRIMITIVE`; if it repeats, or is a URL."""

    content: str
    is_list: bool = False
    is_url: bool = False


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


def require_known_types(resource_types: Iterable[str]) -> None:
    """Refuse names that are not resource types of FHIR R4.

    Raises:
        ConfigError: one of `resource_types` is none.
    """
    for unknown in sorted(set(resource_types) - r4().resource_types):
        close = get_close_matches(unknown, r4().resource_types, n=1) or ["Patient,Coverage,Claim"]
        raise ConfigError(f"--types, --exclude: {unknown!r} is not a resource type of FHIR R4", fix=f"{close[0]}?")


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
                yield f"{_path(place)}: {shown_type(content)} is not a resource type of FHIR R4"
                continue
            place = place or (content,)
        definition = r4().definitions[content]
        if not definition.required.keys() <= value.keys():
            yield from _missing(definition, value, place)
        for name, child in value.items():
            element = definition.elements.get(name, _UNKNOWN)
            if problem := _problem(definition, element, name, child):
                yield f"{_path(place)}.{_shown(name, child)} {problem}"
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
    if name == REPEATED:
        return "occurs more than once in one object"
    if element is _UNKNOWN:
        is_extension_of_primitive = name.startswith("_") and name[1:] in definition.elements
        return "" if is_extension_of_primitive else "is not an element of FHIR R4"
    if (type(child) is list) is not element.is_list:
        return "is not a list" if element.is_list else "is a list"
    if not child and not isinstance(child, int):
        return "is empty"
    if type(child) is dict and not element.content:
        return "is an object"
    if type(child) is not str:
        return ""
    return "is empty" if child.isspace() else "is a number that no double holds" if is_beyond_double(child) else ""


def shown_type(resource_type: str) -> str:
    """Return a resource type for a message; text that cannot be a name is not shown, since it may be health data."""
    return repr(resource_type) if _NAME.fullmatch(resource_type) else "the value of resourceType"


def _shown(name: str, child: Any) -> str:
    """Return the name of a member for a message."""
    shown = child if name == REPEATED else name
    return shown if _NAME.fullmatch(shown) else "(a member)"


def with_urls(resource: JsonObject, targets: Mapping[str, str]) -> JsonObject:
    """Return a resource in which elements of type uri, url or canonical that are a key of `targets` have its value."""
    replaced: JsonObject = _with_urls(resource, ANY_RESOURCE, targets)
    return replaced


def _with_urls(value: Json, content: str, targets: Mapping[str, str]) -> Json:
    if not isinstance(value, dict):
        return value
    definition = r4().definitions.get(str(value.get("resourceType")) if content == ANY_RESOURCE else content)
    if definition is None:
        return value
    replaced = {}
    for name, child in value.items():
        element = definition.elements.get(name, _UNKNOWN)
        children = child if isinstance(child, list) else [child]
        if element.is_url:
            children = [targets.get(one, one) if isinstance(one, str) else one for one in children]
        elif element.content:
            children = [_with_urls(one, element.content, targets) for one in children]
        replaced[name] = children if isinstance(child, list) else children[0]
    return replaced


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
    types = row["types"].split("|")
    held = {
        type_: Element(type_ if type_ in parents or type_ == ANY_RESOURCE else PRIMITIVE, is_list, type_ in URL_TYPES)
        for type_ in types
    }
    stem = name.removesuffix("[x]")
    if stem == name:
        return {name: held[types[0]]}
    return {stem + type_[0].upper() + type_[1:]: element for type_, element in held.items()}
