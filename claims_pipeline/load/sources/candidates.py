"""Finds the resources in a stream of JSON: one a value, or the entries of Bundles.

Longer than other modules: what a candidate is and how it is found are read together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from claims_pipeline.fhir.canonical import REPEATED, Json, JsonObject
from claims_pipeline.load.sources.json_values import JsonReader, Unreadable

UNPACKED = ("transaction", "batch", "collection", "searchset")
"""Types of the Bundles whose entries are loaded."""

STORING = ("PUT", "POST")
READING = ("GET", "HEAD")

_OTHER_BUNDLES = ("document", "message", "history", "transaction-response", "batch-response")
_READS = "only reads"
_HEAD_CHARACTERS = 4096
_RESOURCE_TYPE = re.compile(r'"resourceType"\s*:\s*"(\w*)"')
_SORTED_BUNDLE = re.compile(r'\{\s*"entry"\s*:\s*\[\s*\{\s*"(fullUrl|link|request|resource|response|search)"')
_INSTANCE_URL = re.compile(r"(?:[^?]*/)?([A-Z][A-Za-z]+)(?:/|\?_id=)([A-Za-z0-9\-.]{1,64})")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file; `entry` is the number in a Bundle whose entries share a line."""

    line: int
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource as it was found; `entry` is its entry in the Bundle, `bundle` the number of that Bundle."""

    resource: Json
    place: Place
    bundle: int | None = None
    entry: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Input that cannot be loaded; `is_other` is true for files of another kind, such as a log or an empty file."""

    place: Place
    reason: str
    resource_type: str | None = None
    resource_id: str | None = None
    is_other: bool = False


@dataclass(frozen=True, slots=True)
class Deletion:
    """An entry that asks for a resource to be deleted."""

    place: Place
    resource_type: str
    resource_id: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Input that stores nothing, such as an entry that only reads."""

    place: Place
    what: str


Found = Candidate | Refusal | Deletion | Skipped


@dataclass(slots=True)
class _Kinds:
    """Entries that are not loaded, those of one kind together: the first of them, and how many there are."""

    first: dict[str, tuple[Place, int]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, place: Place, number: int) -> None:
        self.first.setdefault(kind, (place, number))
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def sentences(self) -> Iterator[Refusal | Skipped]:
        for kind, (place, number) in self.first.items():
            count = self.counts[kind]
            what = f"entry {number} {kind}" + (f", and {count - 1:,} more of this Bundle" if count > 1 else "")
            yield Skipped(place, what) if kind.startswith(_READS) else Refusal(place, what)


def candidates(reader: JsonReader, bundle_numbers: Iterator[int]) -> Iterator[Found]:
    """Yield every resource in the stream, every deletion, and a refusal for each place that could not be read."""
    if not reader.skip_space() and not reader.ending:
        yield Refusal(Place(1), "the file is empty", is_other=True)
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
            yield Candidate(value, Place(line))
        except Unreadable as error:
            yield Refusal(Place(line), str(error))
            reader.skip_to_next_value()
    if reader.ending:
        yield Refusal(Place(reader.line), reader.ending)


def _begins_bundle(head: str) -> bool:
    """Return whether a Bundle begins here, by its first characters, so that it is never read as a whole."""
    own = head.partition("\n{")[0]  # what follows may be another value
    first = _RESOURCE_TYPE.search(own)
    return (first is not None and first[1] == "Bundle") or _SORTED_BUNDLE.match(own) is not None


def _unpacked(reader: JsonReader, number: int) -> Iterator[Found]:
    """Yield the entries of the Bundle that begins here, one in memory at a time.

    Raises:
        Unreadable: never; what is wrong inside is a `Refusal`, and the rest of the Bundle is given up.
    """
    first_line = reader.line
    head: dict[str, Any] = {}
    not_loaded = _Kinds()
    try:
        for name in _member_names(reader):
            if name == "entry" and "entry" not in head:
                head[name] = None
                for found in _entries(reader, number, first_line, not_loaded):
                    if "type" not in head or head["type"] in UNPACKED:
                        yield found
            else:
                head[name] = _taken_once(reader, name, head)
    except Unreadable as error:
        yield from not_loaded.sentences()
        yield Refusal(Place(reader.line), f"{error}; the rest of this Bundle is not read")
        reader.skip_to_next_value()
        return
    if head.get("resourceType") != "Bundle":
        yield Refusal(Place(first_line), "resourceType is missing")
    elif "type" in head and head["type"] not in UNPACKED:
        kind = f"type {head['type']}" if head["type"] in _OTHER_BUNDLES else "a type that FHIR does not have"
        yield Refusal(Place(first_line), f"a Bundle of {kind} is not loaded, only {', '.join(UNPACKED)}", "Bundle")
    else:
        yield from not_loaded.sentences()


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


def _entries(reader: JsonReader, bundle: int, first_line: int, not_loaded: _Kinds) -> Iterator[Found]:
    """Yield the content of entries; add other entries to `not_loaded`."""
    if not reader.take("["):
        raise Unreadable("Bundle.entry is not a list")
    if reader.take("]"):
        return
    number = 0
    while True:
        reader.skip_space()
        number += 1
        place = Place(reader.line, number if reader.line == first_line else None)
        found = _of_entry(_taken_value(reader), place, bundle)
        if isinstance(found, str):
            not_loaded.add(found, place, number)
        elif found is not None:
            yield found
        if reader.take("]"):
            return
        if not reader.take(","):
            raise Unreadable(reader.ending or "not JSON: the list of entries does not end")


def _of_entry(entry: Json, place: Place, bundle: int) -> Candidate | Deletion | str | None:
    """Return the content of an entry; or, as the end of a sentence, why it is not loaded; None if it is empty."""
    if not isinstance(entry, dict):
        return "is not an object"
    request = entry.get("request")
    if REPEATED in entry or (isinstance(request, dict) and REPEATED in request):
        return "has a property more than once in one object"
    if deletion := _deletion(entry, place):
        return deletion
    if kind := _kind_of_not_loaded(entry):
        return kind
    if "resource" not in entry or _is_outcome(entry):
        return None
    return Candidate(entry.pop("resource"), place, bundle, entry)


def _deletion(entry: JsonObject, place: Place) -> Deletion | None:
    request = entry.get("request")
    if not isinstance(request, dict) or request.get("method") != "DELETE":
        return None
    found = _INSTANCE_URL.fullmatch(str(request.get("url", "")))
    return Deletion(place, found[1], found[2]) if found else None


def _kind_of_not_loaded(entry: JsonObject) -> str:
    """Return why an entry is not loaded, as the end of a sentence, or ""."""
    request = entry.get("request")
    method = request.get("method") if isinstance(request, dict) else None
    if method in READING:
        return f"{_READS} ({method})"
    if method == "DELETE":
        return "asks for DELETE by a search, only DELETE of Type/id is understood"
    if method == "PATCH":
        return "asks for PATCH, only PUT and POST are loaded"
    if isinstance(request, dict) and method not in STORING:
        return "asks for a method that FHIR does not have, only PUT and POST are loaded"
    if isinstance(request, dict) and "ifMatch" in request:
        return "asks for PUT with ifMatch, which names a version of another server: take ifMatch out"
    if "resource" not in entry and not _is_answer(entry):
        return f"has no resource to {method}" if method else "has no resource"
    return ""


def _is_answer(entry: JsonObject) -> bool:
    """Return whether an entry is a server's answer without a resource, as for a deletion."""
    return "response" in entry and "request" not in entry


def _is_outcome(entry: JsonObject) -> bool:
    """Return whether an entry is an OperationOutcome about the search that the Bundle answers."""
    search = entry.get("search")
    return isinstance(search, dict) and search.get("mode") == "outcome"


def _taken_once(reader: JsonReader, name: str, taken: JsonObject) -> Json:
    if name in taken:
        raise Unreadable("a property of the Bundle occurs more than once")
    return _taken_value(reader)


def _taken_value(reader: JsonReader) -> Json:
    reader.skip_space()
    value, end = reader.value()
    reader.move_to(end)
    return value
