"""Finds the resources in a stream of JSON: one a value, or the entries of Bundles."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from claims_pipeline.fhir.canonical import Json, JsonObject
from claims_pipeline.load.sources.json_values import JsonReader, Unreadable

UNPACKED = ("transaction", "batch", "collection", "searchset")
"""Types of the Bundles whose entries are loaded."""

_HEAD_CHARACTERS = 4096
_RESOURCE_TYPE = re.compile(r'"resourceType"\s*:\s*"(\w*)"')
_SORTED_BUNDLE = re.compile(r'\{\s*"entry"\s*:\s*\[\s*\{\s*"(fullUrl|link|request|resource|response|search)"')


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource as it was found; `entry` is what its Bundle says of it, `bundle` counts the Bundles of the input."""

    resource: Json
    line: int
    bundle: int | None = None
    entry: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Input that cannot be loaded."""

    line: int
    reason: str
    resource_type: str | None = None
    resource_id: str | None = None


def candidates(reader: JsonReader, bundle_numbers: Iterator[int]) -> Iterator[Candidate | Refusal]:
    """Yield every resource in the stream, and every place where none could be read."""
    if not reader.skip_space() and not reader.ending:
        yield Refusal(1, "the file is empty")
    while reader.skip_space():
        line = reader.line
        try:
            if _begins_bundle(reader.ahead(_HEAD_CHARACTERS)):
                yield from _unpacked(reader, next(bundle_numbers))
                continue
            value, end = reader.value()
            if isinstance(value, dict) and value.get("resourceType") == "Bundle":
                yield from _unpacked(reader, next(bundle_numbers))
                continue
            reader.move_to(end)
            yield Candidate(value, line)
        except Unreadable as error:
            yield Refusal(line, str(error))
            reader.skip_to_next_value()
    if reader.ending:
        yield Refusal(reader.line, reader.ending)


def _begins_bundle(head: str) -> bool:
    """Tell a Bundle by its first characters, so that it is never read as a whole."""
    own = head.partition("\n{")[0]  # what follows may be another value
    first = _RESOURCE_TYPE.search(own)
    return (first is not None and first[1] == "Bundle") or _SORTED_BUNDLE.match(own) is not None


def _unpacked(reader: JsonReader, number: int) -> Iterator[Candidate | Refusal]:
    """Yield the entries of the Bundle that begins here, one in memory at a time.

    Raises:
        Unreadable: never; what is wrong inside is a `Refusal`, and the rest of the Bundle is given up.
    """
    first_line = reader.line
    head: dict[str, Any] = {}
    try:
        for name in _member_names(reader):
            if name == "entry":
                for candidate in _entries(reader, number):
                    if "type" not in head or head["type"] in UNPACKED:
                        yield candidate
            else:
                head[name] = _taken_value(reader)
    except Unreadable as error:
        yield Refusal(reader.line, f"{error}; the rest of this Bundle is not read")
        reader.skip_to_next_value()
        return
    if head.get("resourceType") != "Bundle":
        yield Refusal(first_line, "resourceType is missing")
    elif "type" in head and head["type"] not in UNPACKED:
        yield Refusal(
            first_line, f"a Bundle of type {head['type']} is not loaded, only {', '.join(UNPACKED)}", "Bundle"
        )


def _member_names(reader: JsonReader) -> Iterator[str]:
    """Yield the names of an object's members; the caller reads each value before it asks for the next name."""
    reader.take("{")
    if reader.take("}"):
        return
    while True:
        name = _taken_value(reader)
        if not isinstance(name, str) or not reader.take(":"):
            raise Unreadable("not JSON: a Bundle's member has no name")
        yield name
        if reader.take("}"):
            return
        if not reader.take(","):
            raise Unreadable(reader.ending or "not JSON: the Bundle does not end")


def _entries(reader: JsonReader, number: int) -> Iterator[Candidate | Refusal]:
    if not reader.take("["):
        raise Unreadable("Bundle.entry is not a list")
    if reader.take("]"):
        return
    while True:
        reader.skip_space()
        line = reader.line
        entry = _taken_value(reader)
        if not isinstance(entry, dict):
            yield Refusal(line, "an entry of the Bundle is not an object")
        elif "resource" not in entry:
            if not _is_answer(entry):
                yield Refusal(line, "an entry of the Bundle has no resource")
        elif not _is_outcome(entry):
            yield Candidate(entry.pop("resource"), line, number, entry)
        if reader.take("]"):
            return
        if not reader.take(","):
            raise Unreadable(reader.ending or "not JSON: the list of entries does not end")


def _is_answer(entry: JsonObject) -> bool:
    """Tell whether an entry is a server's answer that brings no resource, as for a deletion."""
    return "response" in entry and "request" not in entry


def _is_outcome(entry: JsonObject) -> bool:
    """Tell whether an entry only remarks on the search that the Bundle answers."""
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") == "outcome"


def _taken_value(reader: JsonReader) -> Json:
    reader.skip_space()
    value, end = reader.value()
    reader.move_to(end)
    return value
