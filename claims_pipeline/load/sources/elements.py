"""Holds a resource to the element definitions of FHIR R4, since HAPI FHIR stores silently what breaks them.

Missing required elements, unknown elements, empty values, and lists where none belong are found here. The values of
primitives, bindings and invariants are left to the server.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

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
