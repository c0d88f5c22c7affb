"""What an answer of the server to a transaction means for the resources in it."""

import email.utils
import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

import httpx

from claims_pipeline.errors import FhirError
from claims_pipeline.fhir_access import TokenUnavailable

NO_CHANGE = "SUCCESSFUL_UPDATE_NO_CHANGE"
"""HAPI FHIR's word, in an entry's outcome, for a PUT of what it holds already."""

STILL_REFERENCED = "Unable to delete"
"""A deletion that HAPI FHIR answers with 409, which no repetition changes."""

RETRY_AFTER_CAP_SECONDS = 120.0

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


class Meaning(Enum):
    """What to do next with the resources of a bundle."""

    ACCEPTED = "all of them are on the server"
    REFUSED = "one of them is refused: find it"
    TOO_LARGE = "there are too many in one bundle"
    SUSPECT = "the server fails over one of them: find it"
    OVERLOADED = "the server is busy: send again, less at once"
    SERVER_ERROR = "the server failed: send again"
    PASSING = "no usable answer: send again"
    STOP = "the server or the settings are wrong: send nothing more"

    @property
    def is_final(self) -> bool:
        """Sending the same bundle again would change nothing."""
        return self in {Meaning.ACCEPTED, Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.STOP}

    @property
    def is_about_content(self) -> bool:
        """Halves of the bundle may fare differently."""
        return self in {Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.SUSPECT}


class EntryAnswer(NamedTuple):
    """What became of one entry of an accepted bundle."""

    outcome: str
    version_id: str
    status: int


@dataclass(frozen=True)
class Answer:
    """An answer, or the error that came instead.

    Attributes:
        meaning: what to do next.
        status: HTTP status, 0 if there was no answer.
        text: what the server says, in plain words.
        entries: one an entry of an accepted bundle, in order.
        retry_after: seconds that the server asks us to wait.
        fix: what a person can do about it.
        is_timeout: no answer came in time.
    """

    meaning: Meaning
    status: int = 0
    text: str = ""
    entries: tuple[EntryAnswer, ...] = ()
    retry_after: float | None = None
    fix: str = ""
    is_timeout: bool = False

    @property
    def label(self) -> str:
        """The status code, or the kind of error."""
        return str(self.status) if self.status else "timeout" if self.is_timeout else "connection"

    @property
    def is_overload(self) -> bool:
        """The server asks for less at once, in so many words or by its silence."""
        return self.meaning is Meaning.OVERLOADED or self.is_timeout


def read_error(error: httpx.RequestError) -> Answer:
    """Judge an error that came instead of an answer: whether the server did the write is not known."""
    meaning = Meaning.SERVER_ERROR if isinstance(error, httpx.DecodingError) else Meaning.PASSING
    return Answer(meaning, text=plain(error), is_timeout=isinstance(error, httpx.TimeoutException))


def read_answer(response: httpx.Response, count: int) -> Answer:
    """Judge the answer to a transaction of `count` entries."""
    if response.is_success:
        return _read_success(response, count)
    status, text = response.status_code, outcome_of(response)
    if status in {401, 403}:
        error = refused(response)
        return Answer(Meaning.STOP, status, error.message, fix=error.fix)
    if response.is_redirect or (status in {404, 405} and not text):
        fix = "give the base address of a FHIR R4 server, such as http://127.0.0.1:8080/fhir"
        return Answer(Meaning.STOP, status, f"this address takes no transactions: HTTP {status}", fix=fix)
    if status == 413:
        return Answer(Meaning.TOO_LARGE, status, text or "too large for the server")
    if (status in {400, 404, 405, 410, 412, 422} and text) or STILL_REFERENCED in text:
        return Answer(Meaning.REFUSED, status, text)
    meaning = (
        Meaning.OVERLOADED
        if status in {429, 503}
        else Meaning.PASSING
        if status in {408, 425}
        else Meaning.SERVER_ERROR
    )
    return Answer(meaning, status, f"HTTP {status}: {text or 'no reason given'}", retry_after=_retry_after(response))


def _read_success(response: httpx.Response, count: int) -> Answer:
    """An answer that cannot be read leaves open what was done: the bundle is sent again."""
    try:
        entries = tuple(map(_read_entry, json.loads(response.content)["entry"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Answer(Meaning.SERVER_ERROR, response.status_code, "the answer is not a FHIR bundle, or not all of one")
    if len(entries) != count:
        text = f"the answer has {len(entries)} entries for {count} resources"
        return Answer(Meaning.SERVER_ERROR, response.status_code, text)
    if refused_entries := [entry for entry in entries if entry.outcome == "refused"]:
        return Answer(Meaning.REFUSED, refused_entries[0].status, "the server refused a part of a transaction")
    return Answer(Meaning.ACCEPTED, response.status_code, entries=entries)


def _read_entry(entry: dict[str, Any]) -> EntryAnswer:
    answer = entry["response"]
    status = int(answer["status"][:3])
    version_id = str(answer.get("etag", "")).removeprefix("W/").strip('"')
    if status == 201:
        return EntryAnswer("created", version_id, status)
    if status >= 300:
        return EntryAnswer("refused", version_id, status)
    return EntryAnswer("already_equal" if _is_no_change(answer.get("outcome")) else "updated", version_id, status)


def _is_no_change(outcome: Any) -> bool:
    try:
        return any(coding["code"] == NO_CHANGE for issue in outcome["issue"] for coding in issue["details"]["coding"])
    except (KeyError, TypeError):
        return False


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date, which is one of the server's clock."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        until = _http_date(value)
        if until is None:
            return None
        seconds = (until - (_http_date(response.headers.get("Date", "")) or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), RETRY_AFTER_CAP_SECONDS)  # in this order, nan becomes 0


def _http_date(value: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def refused(answer: httpx.Response) -> FhirError:
    """Return the error for a server that does not let us in."""
    return FhirError(
        f"the FHIR server refuses us: HTTP {answer.status_code}",
        where=str(answer.request.url),
        fix="set CLAIMS_FHIR_USER and CLAIMS_FHIR_PASSWORD, CLAIMS_FHIR_TOKEN, or CLAIMS_FHIR_CLIENT_ID and "
        "CLAIMS_FHIR_SCOPE, to an account that may write",
    )


def plain(error: httpx.RequestError) -> str:
    """Return why no usable answer came, in plain words."""
    names = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.ReadTimeout: "no answer in time",
        httpx.WriteTimeout: "it did not take the request in time",
        httpx.RemoteProtocolError: "the connection was closed in the middle",
        httpx.ReadError: "the connection was reset",
        httpx.WriteError: "the connection was reset",
        httpx.DecodingError: "the answer is damaged: it cannot be decompressed",
    }
    if isinstance(error, TokenUnavailable):
        return str(error)
    if isinstance(error, httpx.ConnectError):
        return "connection refused" if "refused" in str(error).lower() or "All connection" in str(error) else str(error)
    return names.get(type(error), type(error).__name__)


def outcome_of(answer: httpx.Response) -> str:
    """Return what the server says about a request that it refused; empty unless it says it in FHIR."""
    try:
        return operation_outcome_text(answer.json())
    except ValueError:
        return ""


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
