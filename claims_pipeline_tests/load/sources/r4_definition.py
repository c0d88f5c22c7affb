"""Reads the elements of FHIR R4 from the definitions that HAPI FHIR ships, as r4_elements.csv has them."""

import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

FHIR = "{http://hl7.org/fhir}"
FHIRPATH = "http://hl7.org/fhirpath/System."
PROFILES = "org/hl7/fhir/r4/model/profile"
INHERITED = ("Resource.", "DomainResource.", "Element.", "BackboneElement.", "Extension.id", "Extension.extension")

HEADER = """\
# The elements of FHIR R4 (4.0.1): snapshots of its StructureDefinitions, profiles-types.xml and profiles-resources.xml.
# A resource type has a row of its own (its parent in `types`). Left out: what elements and resources inherit.
# types: separated by |, or # and the path whose content the element has.
path,min,max,types
"""


def elements_of_the_definition(jar: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, min, max and types of each element of each data type and resource."""
    with zipfile.ZipFile(jar) as archive:
        for name in ("profiles-types", "profiles-resources"):
            root = ET.fromstring(archive.read(f"{PROFILES}/{name}.xml"))  # noqa: S314  the pinned jar of HAPI FHIR
            for definition in root.iter(f"{FHIR}StructureDefinition"):
                if _value(definition, "kind") in ("complex-type", "resource") and _is_specialization(definition):
                    yield from _root(definition)
                    yield from _elements(definition)


def _is_specialization(definition: ET.Element) -> bool:
    return _value(definition, "derivation") == "specialization" and _value(definition, "abstract") == "false"


def _root(definition: ET.Element) -> Iterator[tuple[str, str, str, str]]:
    if _value(definition, "kind") == "resource":
        yield _value(definition, "type"), "0", "*", _value(definition, "baseDefinition").rpartition("/")[2]


def _elements(definition: ET.Element) -> Iterator[tuple[str, str, str, str]]:
    for element in definition.iterfind(f"{FHIR}snapshot/{FHIR}element"):
        base = _value(element, f"base/{FHIR}path")
        if "." in _value(element, "path") and not base.startswith(INHERITED):
            types = [_value(type_, "code").removeprefix(FHIRPATH) for type_ in element.iterfind(f"{FHIR}type")]
            content = _value(element, "contentReference") or "|".join(dict.fromkeys(types))
            yield _value(element, "path"), _value(element, "min"), _value(element, "max"), content


def _value(element: ET.Element, name: str) -> str:
    found = element.find(f"{FHIR}{name}")
    return "" if found is None else found.get("value", "")
