"""Canonical JSON of resources that others wrote: keys sorted, no white space, decimals exactly as written.

12.50 and 12.5 differ in FHIR (the places are the precision), so decimals never become floats: the parser marks them and
the encoder takes the mark off again, both in C.
"""

import json
import math
import re
import secrets
from typing import Any

Json = Any
JsonObject = dict[str, Json]

_MARK = f"\udfff{secrets.token_hex(8)}"  # a lone surrogate, which no valid text holds, and nothing to be guessed
_MARKED = re.compile(f'"{_MARK}(-?[0-9][0-9.eE+-]*)"')
_NOT_ZERO = re.compile(r"[-0.]*[1-9]")
_VOLATILE_META = frozenset({"versionId", "lastUpdated"})
_SETS_IN_META = frozenset({"profile", "security", "tag"})

REPEATED = f"\udffe{secrets.token_hex(8)}"
"""Member that `decode` adds to an object in which a name stands more than once; its value is that name."""


def _refuse_constant(name: str) -> Json:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _members(pairs: list[tuple[str, Json]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        members[REPEATED] = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
    return members


_DECODER = json.JSONDecoder(parse_float=_MARK.__add__, parse_constant=_refuse_constant, object_pairs_hook=_members)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def decode(text: str, start: int = 0) -> tuple[Json, int]:
    """Return the JSON value that begins at `start`, its decimals and repeated names marked, and where it ends.

    Raises:
        ValueError: not JSON; a json.JSONDecodeError where the position is known.
        RecursionError: nested too deeply.
    """
    return _DECODER.raw_decode(text, start)


def encode(value: Json) -> str:
    """Return a value from `decode` as canonical JSON.

    Raises:
        ValueError: a string is not valid Unicode, or a name stands more than once in an object.
    """
    text = _ENCODER.encode(value)
    if REPEATED in text:
        msg = "a property stands more than once in one object"
        raise ValueError(msg)
    if _MARK in text:
        text = _MARKED.sub(r"\1", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        msg = "not valid UTF-8"
        raise ValueError(msg) from None
    return text


def is_decimal(value: Json) -> bool:
    """Return whether a value from `decode` is a decimal: a str too, but none that may be shown."""
    return isinstance(value, str) and value.startswith(_MARK)


def is_beyond_double(value: Json) -> bool:
    """Return whether a value from `decode` is a decimal too large or too close to 0 for a double.

    RFC 8259 advises against such numbers. HAPI FHIR writes out all digits of 1e20000000, which takes it over a minute.
    """
    if not is_decimal(value):
        return False
    written = value.removeprefix(_MARK)
    number = float(written)
    return math.isinf(number) or (number == 0 and _NOT_ZERO.match(written) is not None)


def without_volatile_meta(resource: JsonObject) -> JsonObject:
    """Return a resource without `meta.versionId` and `meta.lastUpdated`, which a server sets anew at every write.

    Profiles, security labels and tags are sets, which a server returns in an order of its own: they are sorted.
    """
    meta = resource.get("meta")
    if not isinstance(meta, dict):
        return resource
    kept = {name: _sorted_set(value) if name in _SETS_IN_META else value for name, value in meta.items()}
    kept = {name: value for name, value in kept.items() if name not in _VOLATILE_META}
    if kept == meta:
        return resource
    others = {name: value for name, value in resource.items() if name != "meta"}
    return others | {"meta": kept} if kept else others


def _sorted_set(members: Json) -> Json:
    """Return the members of a list in one order, each once; anything else, which is no list, as it is."""
    if not isinstance(members, list):
        return members
    return [member for _, member in sorted({_ENCODER.encode(member): member for member in members}.items())]
