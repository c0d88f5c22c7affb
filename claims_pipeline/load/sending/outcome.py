"""OperationOutcome in plain words."""

import html
import re
from typing import Any

MISSING_TARGET = re.compile(r"Resource ([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}) not found, specified in path")
"""HAPI-1094: the first reference of a transaction whose target is not on the server."""
NO_MATCH = re.compile(r'Invalid match URL "([A-Z][A-Za-z]+\?[^"]+)" - No resources match')
"""HAPI-1091: a conditional reference that finds nothing."""

MASK = "***"
_QUOTED = re.compile(
    r"""(?P<before>element[= ]|path\ |type\ |resource\ )?
        (?<!\w)(?P<quote>["'])(?P<value>.*?)(?P=quote)(?!\w)""",
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z][\w.\-:/\[\]]*")
_MATCH_URL = re.compile(r"\b[A-Z][A-Za-z]+\?[^\s\"']+")
_PARAMETER = re.compile(r"=([^&|]*\|)?[^&]*")
_ATTRIBUTE_VALUE = re.compile(r'Invalid attribute value "([^"]+)"')


def operation_outcome_text(resource: Any) -> str:
    """Return the issues of an OperationOutcome, one a line: severity, code, what is wrong and where; else ''."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return ""
    issues = [issue for issue in resource.get("issue") or [] if isinstance(issue, dict)]
    return "\n".join(map(_issue_text, issues))


def missing_target(text: str) -> str:
    """Return the "Type/id", or the match URL without its values, that an outcome says is not on the server, or ''."""
    if found := MISSING_TARGET.search(text):
        return found[1]
    return _without_parameters(found[1]) if (found := NO_MATCH.search(text)) else ""


def without_values(text: str) -> str:
    """Return what a server says without what it quotes of a resource: a date of birth, a name, an identifier.

    Names of elements, paths, types and resources stay, and of a match URL everything but the values. (The server
    quotes a value that contains quotes once with them escaped, then as it is.)
    """
    for value in map(html.unescape, _ATTRIBUTE_VALUE.findall(text)):
        text = text.replace(f"'{value}'", f"'{MASK}'").replace(f'"{value}"', f'"{MASK}"')
    text = _QUOTED.sub(_masked, text)
    return _MATCH_URL.sub(lambda found: _without_parameters(found[0]), text)


def _masked(quoted: re.Match[str]) -> str:
    before, quote, value = quoted["before"] or "", quoted["quote"], quoted["value"]
    if before and _NAME.fullmatch(value):
        return quoted[0]
    kept = _without_parameters(value) if _MATCH_URL.match(value) else MASK
    return f"{before}{quote}{kept}{quote}"


def _without_parameters(match_url: str) -> str:
    """Return a match URL with its parameters and their systems, but not their values."""
    return _PARAMETER.sub(lambda parameter: f"={parameter[1] or ''}{MASK}", match_url)


def _issue_text(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    said = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else "") or "no reason given"
    places = issue.get("expression") or issue.get("location") or []
    where = f" (at {', '.join(map(str, places))})" if places else ""
    return f"{issue.get('severity', 'error')} {issue.get('code', 'unknown')}: {said}{where}"
