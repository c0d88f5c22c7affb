"""OperationOutcome in plain words."""

import re
from typing import Any

MISSING_TARGET = re.compile(r"Resource ([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}) not found, specified in path")
"""HAPI-1094: the first reference of a transaction whose target is not on the server."""


def operation_outcome_text(resource: Any) -> str:
    """Return the issues of an OperationOutcome, one a line: severity, code, what is wrong and where; else ''."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return ""
    issues = [issue for issue in resource.get("issue") or [] if isinstance(issue, dict)]
    return "\n".join(map(_issue_text, issues))


def missing_target(text: str) -> str:
    """Return the "Type/id" that an outcome says is not on the server, or ''."""
    found = MISSING_TARGET.search(text)
    return found.group(1) if found else ""


def _issue_text(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    said = issue.get("diagnostics") or (details.get("text") if isinstance(details, dict) else "") or "no reason given"
    places = issue.get("expression") or issue.get("location") or []
    where = f" (at {', '.join(map(str, places))})" if places else ""
    return f"{issue.get('severity', 'error')} {issue.get('code', 'unknown')}: {said}{where}"
