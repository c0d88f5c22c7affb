"""Holds a resource to the element definitions of FHIR R4, since HAPI FHIR stores silently what breaks them.

Missing required elements, unknown elements, empty values, and lists where none belong are found here. The values of
primitives, bindings and invariants are left to the server.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

ANY_RESOURCE = "Resource"
PRIMITIVE = ""

_RESOURCE_PARENTS = frozenset({"Resource", "DomainResource"})


@dataclass(frozen=True, slots=True)
class Element:
    """What an element holds: the name of a definition, `ANY_RESOURCE` or `PRIMITIVE`; and whether it repeats."""

    content: str
    is_list: bool = False


@dataclass(slots=True)
class Definition:
    """The elements of a type or backbone element, and the required ones, each with its names in JSON."""

    elements: dict[str, Element]
    required: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


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
            definitions[parent].required.append((name, tuple(by_json_name)))
    return Release(definitions, frozenset(resource_parents))


def is_sound(resource: dict[str, Any]) -> bool:
    """Tell whether `problems` would find nothing, four times as fast.

    What the names of an object's members say is worked out once for each set of names; what is left is to look at
    the values.
    """
    waiting: list[tuple[Any, str]] = [(resource, ANY_RESOURCE)]
    while waiting:
        value, content = waiting.pop()
        if type(value) is not dict:
            return False
        if content == ANY_RESOURCE:
            content = _known_type(value)
        elements = _sound_elements(content, tuple(value))
        if elements is None:
            return False
        for child, (child_content, is_list) in zip(value.values(), elements, strict=True):
            if (type(child) is list) is not is_list or (not child and not isinstance(child, int)):
                return False
            if child_content and is_list:
                waiting += [(one, child_content) for one in child]
            elif child_content:
                waiting.append((child, child_content))
            elif type(child) is str and child.isspace():
                return False
    return True


def _known_type(resource: dict[str, Any]) -> str:
    """Return the type of a resource, or "" if R4 does not have it."""
    resource_type = str(resource.get("resourceType"))
    return resource_type if resource_type in r4().resource_types else ""


@lru_cache(maxsize=4096)
def _sound_elements(content: str, names: tuple[str, ...]) -> tuple[tuple[str, bool], ...] | None:
    """Return content and repetition of each member of an object; None where the names alone break the definition."""
    definition = r4().definitions.get(content)
    if definition is None or any(not set(json_names) & set(names) for _, json_names in definition.required):
        return None
    if not set(names) <= set(definition.elements):
        return None
    return tuple((definition.elements[name].content, definition.elements[name].is_list) for name in names)


def problems(resource: dict[str, Any]) -> Iterator[str]:
    """Yield what breaks the definition of a resource, each with the path of the element."""
    if not is_sound(resource):
        yield from breaches(resource)


def breaches(resource: dict[str, Any]) -> Iterator[str]:
    """Yield what `problems` yields, with the slow look alone."""
    waiting: list[tuple[Any, str, str]] = [(resource, ANY_RESOURCE, "")]
    while waiting:
        value, content, path = waiting.pop()
        if not isinstance(value, dict):
            yield f"{path} is not an object"
            continue
        if content == ANY_RESOURCE:
            content = _known_type(value)
            if not content:
                yield f"{path or 'resourceType'}: {value.get('resourceType')!r} is not a resource type of FHIR R4"
                continue
            path = path or content
        yield from _problems_of_members(value, r4().definitions[content], path, waiting)


def _problems_of_members(
    value: dict[str, Any], definition: Definition, path: str, waiting: list[tuple[Any, str, str]]
) -> Iterator[str]:
    """Yield what is wrong with the members of one object, and put those that have members themselves on `waiting`."""
    for name, json_names in definition.required:
        if not any(one in value or f"_{one}" in value for one in json_names):
            yield f"{path}.{name} is missing"
    for name, child in value.items():
        element = definition.elements.get(name)
        if problem := _problem(definition, element, name, child):
            yield f"{path}.{name} {problem}"
        elif element and element.content and element.is_list:
            waiting.extend((one, element.content, f"{path}.{name}[{at}]") for at, one in enumerate(child))
        elif element and element.content:
            waiting.append((child, element.content, f"{path}.{name}"))


def _problem(definition: Definition, element: Element | None, name: str, child: Any) -> str:
    """Return what is wrong with one member of an object, leaving aside what is in it."""
    if element is None:
        is_extension_of_primitive = name.startswith("_") and name[1:] in definition.elements
        return "" if is_extension_of_primitive else "is not an element of FHIR R4"
    if (not child and not isinstance(child, int)) or (isinstance(child, str) and child.isspace()):
        return "is empty"
    if element.is_list != isinstance(child, list):
        return "is not a list" if element.is_list else "is a list"
    return ""


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
