"""Reads OperationOutcomes: whether the text names the cause, and the part of it that may be printed.

A server quotes what it was sent, with and without quotation marks. Only codes, element paths, ids and the phrases of
this module are printed; `claims dead-letters show` prints the rest.
"""

import re
from collections.abc import Iterator
from typing import Any

MISSING_TARGET = re.compile(r"Resource ([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}) not found, specified in path")
"""HAPI-1094: the first reference of a transaction whose target is not on the server."""
NO_MATCH = re.compile(r'Invalid match URL "([A-Z][A-Za-z]+\?[^"]+)" - No resources match')
"""HAPI-1091: a conditional reference that finds nothing."""
REFERRER = re.compile(r"First reference found was resource ([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?![^\s/])")
"""HAPI-0550: the first resource that refers to one to delete."""

MASK = "***"

PHRASES = {
    "attribute value": "invalid value",
    "date/time format": "invalid date or time",
    "Unknown [A-Za-z]+ code": "unknown code",
    "is not valid for this path": "the type of the target is not allowed here",
    "Invalid( resource)? reference": "invalid reference",
    "valid XML/XHTML": "the narrative is not valid XHTML",
    "No resources match": "no resource matches",
    "Multiple resources match": "several resources match",
    "not found, specified in path": "the target of a reference is not on the server",
    "multiple resources with ID": "an id twice in one bundle",
    "external references": "references to other servers are not allowed",
    "at least one non-numeric": "ids of digits only are not allowed: claims load --id-prefix TEXT",
    "reference to this resource": "another resource refers to it",
    "Failed to parse request body": "cannot be read as a resource",
    "Unknown resource type|is not a resource type|Unknown resource name": "unknown resource type",
    "Resource deletion is not permitted": "deletions are not permitted",
    "duplicate unique index|duplicate key": "a value that must be unique is there already",
    "deadlock": "deadlock in the database",
    "constraint failure|version constraint": "conflict with another write",
    "EntityManager|JDBC|Connection is not available": "the server cannot reach its database",
    "No space left|could not extend file": "the server's disk is full",
    "OutOfMemory|heap space": "the server is out of memory",
}
"""The text that is printed for a phrase (a regular expression) of a server."""

UNSTORABLE = {
    r"invalid byte sequence|unsupported Unicode escape|Incorrect string value|cannot be converted to text|surrogate": (
        "a character that the database cannot store"
    ),
    r"too long for (type|column)|Data too long|too large for column|String or binary data would be truncated"
    r"|index row (size|requires)|exceeds the maximum length": "a value too long for the database",
    r"out of range|numeric field overflow|Infinite or NaN|not a finite": "a number or date out of range",
    r"HAPI-2223|NumberFormatException|invalid input syntax for type|DataException"
    r"|violates (check|not-null) constraint": "a value that the server cannot store",
}
"""Phrases of HTTP 409 and 500 for values that the database cannot store, and the text that is printed for each."""

_UNSTORABLE = re.compile("|".join(UNSTORABLE), re.IGNORECASE)
_OWN_TROUBLE = re.compile(
    r"HAPI-082[345]|constraint failure|duplicate key|deadlock|could not serialize|lock timeout|LockTimeout"
    r"|OptimisticLock|StaleObject|concurrent|canceling statement|terminating connection|the database system is"
    r"|connection|EntityManager|JDBC|I/O error|timed? ?out|too many clients|could not extend file|No space left"
    r"|read-only|OutOfMemory|heap space|thread pool|shutting down|temporarily",
    re.IGNORECASE,
)
_CODE = re.compile(r"\bHAPI-\d{4}\b")
_ISSUE = re.compile(r"^(fatal|error|warning|information) ([a-z\-]{2,30}): ", re.MULTILINE)
_PLACE = re.compile(
    r"""\[element="([A-Za-z][A-Za-z0-9]{0,63})"\]
        |specified\ in\ path:\ ([A-Z][A-Za-z]+(?:\.[a-zA-Z][A-Za-z0-9]*)+)
        |at\ path\ ?['\[]([A-Z][A-Za-z]+(?:\.[a-zA-Z][A-Za-z0-9]*)+)['\]]
        |\(at\ ([A-Z][A-Za-z]+(?:\.[a-zA-Z][A-Za-z0-9]*(?:\[\d+\])?)+)[,)]""",
    re.VERBOSE,
)
_STATUS = re.compile(r"^HTTP \d{3}")
_PARAMETER = re.compile(r"([?&])([A-Za-z_:.\-]+)=((?:https?://|urn:)[^&|]*\|)?[^&]*")


def operation_outcome_text(resource: Any) -> str:
    """Return the issues of an OperationOutcome, one a line: severity, code, what is wrong and where; else ''."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return ""
    issues = [issue for issue in resource.get("issue") or [] if isinstance(issue, dict)]
    return "\n".join(map(_issue_text, issues))


def is_own_trouble(text: str) -> bool:
    """Return whether the server reports an error of its own, or a conflict with another write."""
    return _OWN_TROUBLE.search(_cause(text)) is not None


def is_about_a_value(text: str) -> bool:
    """Return whether the server reports that its database cannot store a value of the resource."""
    return _UNSTORABLE.search(_cause(text)) is not None and not is_own_trouble(text)


def missing_target(text: str) -> str:
    """Return the "Type/id", or the match URL without values, that an outcome names as missing, or ''."""
    if found := MISSING_TARGET.search(text):
        return found[1]
    return _without_parameters(found[1]) if (found := NO_MATCH.search(text)) else ""


def without_values(text: str) -> str:
    """Return the codes, phrases, paths and ids of a text from a server, without the values that it quotes."""
    return " ".join(_shown(text))


def _shown(text: str) -> Iterator[str]:
    if status := _STATUS.match(text):
        yield f"{status[0]}:"
    if issue := _ISSUE.search(text.removeprefix(f"{status[0]}: ") if status else text):
        yield f"{issue[1]} {issue[2]}:"
    if codes := list(dict.fromkeys(_CODE.findall(text))):
        yield f"{', '.join(codes)}:"
    table = UNSTORABLE if is_about_a_value(text) else PHRASES
    phrases = [shown for phrase, shown in table.items() if re.search(phrase, text, re.IGNORECASE)]
    yield ", ".join(phrases) or "reason not shown"
    if place := _PLACE.search(text):
        yield f"(at {next(filter(None, place.groups()))})"
    if target := missing_target(text):
        yield f"({target})"
    if referrer := REFERRER.search(text):
        yield f"({referrer[1]})"


def _cause(text: str) -> str:
    """Return the message of the database, if there is one. A statement with arbitrary values may precede it."""
    _, _, said = text.rpartition("ERROR: ")
    return said.splitlines()[0] if said else text


def _without_parameters(match_url: str) -> str:
    """Return a match URL with its parameters and their systems, but not their values."""
    return _PARAMETER.sub(lambda parameter: f"{parameter[1]}{parameter[2]}={parameter[3] or ''}{MASK}", match_url)


def _issue_text(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    said = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else "") or "no reason given"
    places = issue.get("expression") or issue.get("location") or []
    where = f" (at {', '.join(map(str, places))})" if places else ""
    return f"{issue.get('severity', 'error')} {issue.get('code', 'unknown')}: {said}{where}"
