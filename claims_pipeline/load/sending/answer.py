"""What an answer of the server to a transaction means for the resources in it."""

import email.utils
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

import httpx

from claims_pipeline.errors import FhirError
from claims_pipeline.fhir_access import TokenUnavailable
from claims_pipeline.load.sending.operation_outcome import (
    is_about_a_value,
    is_own_trouble,
    operation_outcome_text,
    without_values,
)

NO_CHANGE = "SUCCESSFUL_UPDATE_NO_CHANGE"
"""Code in an entry's outcome with which HAPI FHIR answers a PUT that changes nothing."""

STILL_REFERENCED = "Unable to delete"
"""Text of HAPI FHIR's 409 for the deletion of a resource that another one refers to; a retry does not help."""

RETRY_AFTER_CAP_SECONDS = 120.0
BASE_FIX = "give the base address of a FHIR R4 server, such as http://127.0.0.1:8080/fhir"


class Meaning(Enum):
    """What to do next with the resources of a bundle."""

    ACCEPTED = "all of them are on the server"
    REFUSED = "one of them is refused: find it"
    TOO_LARGE = "there are too many in one bundle"
    SUSPECT = "the server fails over one of them: find it"
    OVERLOADED = "the server is busy: send again, less at once"
    SERVER_ERROR = "the server failed, or one of them is the cause: send again, then find out"
    TROUBLE = "the server is in trouble, or another write is in the way: send again"
    PASSING = "no usable answer: send again"
    STOP = "the server or the settings are wrong: send nothing more"

    @property
    def is_final(self) -> bool:
        """Whether sending the same bundle again would have the same result."""
        return self in {Meaning.ACCEPTED, Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.STOP}

    @property
    def is_about_content(self) -> bool:
        """Whether the halves of the bundle may have different results."""
        return self in {Meaning.REFUSED, Meaning.TOO_LARGE, Meaning.SUSPECT}


class EntryAnswer(NamedTuple):
    """The result of one entry of an accepted bundle."""

    outcome: str
    version_id: str
    status: int


@dataclass(frozen=True)
class Answer:
    """An answer, or the error that came instead.

    Attributes:
        meaning: what to do next.
        status: HTTP status, 0 if there was no answer.
        text: what the server says, or why there is no answer.
        shown: the part of `text` that may be printed.
        entries: one an entry of an accepted bundle, in order.
        retry_after: seconds to wait before the next request, as the server asks.
        fix: what a person can do about it.
        is_timeout: no answer came in time.
    """

    meaning: Meaning
    status: int = 0
    text: str = ""
    shown: str = ""
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
        """Whether the server needs fewer requests at once: it says so, or it does not answer in time."""
        return self.meaning is Meaning.OVERLOADED or self.is_timeout


def read_error(error: httpx.RequestError) -> Answer:
    """Return the meaning of an error without an answer: the server may or may not have written."""
    meaning = Meaning.TROUBLE if isinstance(error, httpx.DecodingError) else Meaning.PASSING
    return Answer(meaning, text=plain(error), shown=plain(error), is_timeout=isinstance(error, httpx.TimeoutException))


def read_answer(response: httpx.Response, count: int) -> Answer:
    """Return the meaning of the answer to a transaction of `count` entries."""
    if response.is_success:
        return _read_success(response, count)
    status, text = response.status_code, outcome_of(response)
    if status in {401, 403}:
        error = refused(response)
        return _own(Meaning.STOP, status, error.message, fix=error.fix)
    if response.is_redirect or (status in {404, 405} and not text):
        return _own(Meaning.STOP, status, f"this address takes no transactions: HTTP {status}", fix=BASE_FIX)
    if status == 413:
        return Answer(Meaning.TOO_LARGE, status, text, "too large for the server")
    if (status in {400, 404, 405, 410, 412, 422} and text) or STILL_REFERENCED in text:
        return Answer(Meaning.REFUSED, status, text, without_values(text))
    said, shown = f"HTTP {status}: {text}", f"HTTP {status}: {without_values(text) if text else 'no reason given'}"
    return Answer(_meaning_of_failure(status, text), status, said, shown, retry_after=_retry_after(response))


def _meaning_of_failure(status: int, text: str) -> Meaning:
    """Return the meaning of an error of the server or of a resource, most often 409 or 500."""
    if status in {429, 503}:
        return Meaning.OVERLOADED
    if status in {408, 425}:
        return Meaning.PASSING
    if status in {409, 500} and is_about_a_value(text):
        return Meaning.REFUSED
    is_silent_conflict = status == 409 and not text
    if status in {502, 504} or is_silent_conflict or is_own_trouble(text):
        return Meaning.TROUBLE
    return Meaning.SERVER_ERROR


def _read_success(response: httpx.Response, count: int) -> Answer:
    """Return the meaning of a success; an answer that cannot be read means that the bundle is sent again."""
    status = response.status_code
    try:
        entries = tuple(map(_read_entry, json.loads(response.content)["entry"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _own(Meaning.TROUBLE, status, "the answer is not a FHIR bundle, or not all of one")
    if len(entries) != count:
        return _own(Meaning.TROUBLE, status, f"the answer has {len(entries)} entries for {count} resources")
    if refused_entries := [entry for entry in entries if entry.outcome == "refused"]:
        return _own(Meaning.REFUSED, refused_entries[0].status, "the server refused a part of a transaction")
    return Answer(Meaning.ACCEPTED, status, entries=entries)


def _own(meaning: Meaning, status: int, text: str, *, fix: str = "") -> Answer:
    return Answer(meaning, status, text, text, fix=fix)


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
    """Return the seconds of a Retry-After header: a number, or a date by the server's clock."""
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
    """Return the error for a server that answers 401 or 403."""
    return FhirError(
        f"the FHIR server denies access: HTTP {answer.status_code}",
        where=str(answer.request.url),
        fix="set CLAIMS_FHIR_USER and CLAIMS_FHIR_PASSWORD, CLAIMS_FHIR_TOKEN, or CLAIMS_FHIR_CLIENT_ID and "
        "CLAIMS_FHIR_SCOPE, to an account that may write",
    )


def plain(error: httpx.RequestError) -> str:
    """Return in plain words why there is no usable answer."""
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
    """Return the issues of an OperationOutcome in the answer; empty if it has none."""
    try:
        return operation_outcome_text(answer.json())
    except ValueError:
        return ""


def described(answer: httpx.Response) -> str:
    """Return the status of an answer, and the part of its OperationOutcome that may be printed."""
    said = outcome_of(answer)
    return f"HTTP {answer.status_code} {without_values(said)}" if said else f"HTTP {answer.status_code}"
