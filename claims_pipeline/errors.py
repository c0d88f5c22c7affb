"""Errors of claims_pipeline.

ClaimsPipelineError        has .message, .where, .fix, .exit_code
├─ ConfigError             a setting or an argument is wrong, or names nothing      exit 2
│  ├─ FeedMismatch         the lake belongs to another feed
│  └─ OwnedByOthers        what would be overwritten came from another source
├─ DataError               a file is missing, unreadable or not what it should be   exit 1
├─ LedgerUnusable          the ledger's file cannot be read or written               exit 1
├─ LoaderLocked            another loader holds the ledger's lock                   exit 1
├─ LedgerMismatch          the ledger and the FHIR server do not belong together    exit 1
├─ ServiceError            a local service could not be started or stopped          exit 1
│  └─ PortTaken            another program listens where a service should
└─ FhirError               the FHIR server refused a request as a whole             exit 1
   └─ ServerUnavailable    no answer before the time budget ended                   exit 3

Library code raises these; only `cli`, the Dagster assets and the API translate them.
"""

from typing import ClassVar


class ClaimsPipelineError(Exception):
    """Base class of the errors that a user can act on.

    Attributes:
        message: what is wrong, one sentence without a final full stop.
        where: the file, line, id, URL or bundle concerned; empty if the message names it.
        fix: what to do next, often a command.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.fix = fix

    def render(self) -> str:
        """Return the two or three lines that a person reads on standard error."""
        lines = [f"error: {self.message}"]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.fix:
            lines.append(f"try:   {self.fix}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, str | int]:
        """Return the same as JSON values."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "where": self.where,
            "fix": self.fix,
            "exit_code": self.exit_code,
        }


class ConfigError(ClaimsPipelineError):
    """A setting or an argument is wrong, or names something that does not exist."""

    exit_code = 2


class FeedMismatch(ConfigError):
    """The lake belongs to a feed with other settings."""


class OwnedByOthers(ConfigError):
    """Resources that a load would overwrite came from another source, and their ids mean something else there."""


class DataError(ClaimsPipelineError):
    """A file is missing, cannot be read, or does not hold what it should."""


class LedgerUnusable(ClaimsPipelineError):
    """The ledger's file cannot be opened, read or written."""


class LoaderLocked(ClaimsPipelineError):
    """Another loader is writing with the same ledger."""


class LedgerMismatch(ClaimsPipelineError):
    """The ledger was written for another server, or the server was wiped or restored since."""


class ServiceError(ClaimsPipelineError):
    """A local service did not start, died, or did not stop."""


class PortTaken(ServiceError):
    """Another program listens on the port that a service needs."""

    def __init__(self, service: str, port: int, setting: str, *, holder: str = "another program") -> None:
        super().__init__(
            f"port {port} is taken by {holder}, {service} needs it",
            where=f"127.0.0.1:{port}",
            fix=f"stop the program that listens there, or move ours: {setting}=<another port>",
        )


class Interrupted(ClaimsPipelineError):
    """The work was ended by a signal before it was done."""

    exit_code = 130


class FhirError(ClaimsPipelineError):
    """The FHIR server refused a request as a whole."""


class ServerUnavailable(FhirError):
    """The FHIR server gave no usable answer before the time budget ended."""

    exit_code = 3
