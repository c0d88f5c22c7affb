"""The report of a load: what was read, sent and left out, as text and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from claims_pipeline.errors import ClaimsPipelineError, Interrupted
from claims_pipeline.load.tally import Counts, Failure, Pending
from claims_pipeline.reports import aligned, table

FAILURES_SHOWN = 20
MEBIBYTE = 1 << 20
HEADINGS = {
    "read": "read",
    "unchanged": "unchanged",
    "superseded": "superseded",
    "created": "created",
    "updated": "updated",
    "already_equal": "equal",
    "rejected": "rejected",
    "failed": "failed",
    "to_send": "to send",
}
ONLY_OF_A_DRY_RUN = ("to_send",)
NEVER_OF_A_DRY_RUN = ("created", "updated", "already_equal")


@dataclass(frozen=True)
class Latency:
    """Seconds from sending a bundle to its answer; None where nothing was sent."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        """Return the quantiles (nearest rank) of `seconds`."""
        if not seconds:
            return cls()
        ordered = sorted(seconds)
        ranks = (ordered[int(share * len(ordered))] for share in (0.5, 0.95, 0.99))
        return cls(*(round(value, 4) for value in (*ranks, ordered[-1])))


@dataclass(frozen=True)
class LoadReport:
    """The result of one load: counts, requests, times and failures.

    Attributes:
        source: what was loaded.
        server: base address of the FHIR server.
        by_type: counts by resource type.
        by_day: counts by day and resource type, of what has a day.
        vanished: what was done with resources that the source no longer has, such as "Claim kept": count; in a
            dry run what would be done.
        vanished_failed: of these, those that the server refused to delete or to mark.
        requests: all HTTP requests.
        requests_with_resources: those that carried resources; 0 when nothing had changed.
        retries: requests that repeated an earlier one.
        sent_bytes: size of the bundles sent.
        seconds: total duration.
        sending_seconds: from the first request with resources to the last answer; deletions do not count.
        latency: of requests with resources.
        status_codes: answers by HTTP status, or by the kind of error.
        in_flight: (seconds since the start, most requests at once) at each change.
        failures: the first rejections and failures.
        would_send: the first resources that a dry run would have sent.
        remarks: notes for the user; nothing is lost.
        stopped: why the load ended early, None if it did not.
        interrupted: the signal that came while the load ran, None if none did. It is not `stopped` if nothing was left
            to do; what follows the load is then still not to begin.
        is_dry_run: nothing was sent; what would be sent counts as `to_send`.

    Raises ValueError if something is still to be sent though this was no dry run.
    """

    kind: ClassVar[str] = "load"

    source: str
    server: str
    by_type: Mapping[str, Counts]
    by_day: Mapping[str, Mapping[str, Counts]]
    vanished: Mapping[str, int]
    vanished_failed: int
    requests: int
    requests_with_resources: int
    retries: int
    sent_bytes: int
    seconds: float
    sending_seconds: float
    latency: Latency
    status_codes: Mapping[str, int] = field(default_factory=dict)
    in_flight: Sequence[tuple[float, int]] = ()
    failures: Sequence[Failure] = ()
    would_send: Sequence[Pending] = ()
    remarks: Sequence[str] = ()
    stopped: ClaimsPipelineError | None = None
    interrupted: Interrupted | None = None
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        if self.total.to_send and not self.is_dry_run:
            raise ValueError(f"resources were left to send: {self.total}")

    @property
    def total(self) -> Counts:
        """Counts of all resource types together."""
        return sum(self.by_type.values(), Counts())

    @property
    def exit_code(self) -> int:
        """0 all is done, 1 something was rejected or failed, or the code of what stopped the load."""
        if self.stopped is not None:
            return self.stopped.exit_code
        return 1 if self.total.rejected or self.total.failed or self.vanished_failed else 0

    @property
    def resources_per_second(self) -> float | None:
        """Loaded resources a second while sending."""
        return self.total.loaded / self.sending_seconds if self.sending_seconds and self.total.loaded else None

    @property
    def claims_per_second(self) -> float | None:
        """Loaded claims a second while sending."""
        claims = self.by_type.get("Claim", Counts()).loaded
        return claims / self.sending_seconds if self.sending_seconds and claims else None

    def render(self) -> str:
        """Return the lines that are printed."""
        parts = [
            ("Dry run of a load: " if self.is_dry_run else "Load: ") + f"{self.source} -> {self.server}",
            counts_table(self.by_type, self.total, is_dry_run=self.is_dry_run),
            aligned(self._figures()),
        ]
        parts += [f"note: {remark}" for remark in self.remarks]
        named: list[Failure | Pending] = [*self.failures, *self.would_send]
        shown = sorted(named, key=lambda one: (one.source, one.name))[:FAILURES_SHOWN]
        parts += [one.render() for one in shown]
        parts += self._advice(len(shown))
        return "\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        rates = {"claims_per_second": self.claims_per_second, "resources_per_second": self.resources_per_second}
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"stopped", "interrupted"}}
        return (
            values
            | rates
            | {
                "by_type": {name: counts.to_json() for name, counts in sorted(self.by_type.items())},
                "by_day": {
                    day: {name: counts.to_json() for name, counts in types.items()}
                    for day, types in self.by_day.items()
                },
                "total": self.total.to_json(),
                "latency": asdict(self.latency),
                "failures": [asdict(failure) for failure in self.failures],
                "would_send": [asdict(pending) for pending in self.would_send],
                "remarks": list(self.remarks),
                "in_flight": [list(change) for change in self.in_flight],
                "status_codes": dict(self.status_codes),
                "error": self.stopped.to_json() if self.stopped else None,
                "exit_code": self.exit_code,
            }
        )

    def _figures(self) -> list[tuple[str, str]]:
        sent = (
            "nothing was sent, all of it is unchanged"
            if not self.requests_with_resources and not self.is_dry_run and self.exit_code == 0
            else ""
        )
        latency = " ".join(_milliseconds(value) for value in asdict(self.latency).values())
        codes = " ".join(f"{code}:{count}" for code, count in sorted(self.status_codes.items())) or "-"
        vanished = ", ".join(f"{what}: {count:,}" for what, count in sorted(self.vanished.items()))
        figures = [
            *([("No longer in the source", vanished)] if vanished else []),
            ("Requests with resources", f"{self.requests_with_resources:,}" + (f" ({sent})" if sent else "")),
            ("Requests in all, retries", f"{self.requests:,} {self.retries:,}"),
            ("Answers by status", codes),
        ]
        if not self.requests_with_resources:
            return [*figures, ("Time in all", f"{self.seconds:.1f} s")]
        return [
            *figures,
            ("Sent", f"{self.sent_bytes / MEBIBYTE:,.1f} MiB"),
            ("Time in all, sending", f"{self.seconds:.1f} s, {self.sending_seconds:.1f} s"),
            ("Claims/s, resources/s", f"{_rate(self.claims_per_second)} {_rate(self.resources_per_second)}"),
            ("Latency p50 p95 p99 max", latency),
            ("In flight at most", str(max((size for _, size in self.in_flight), default=0))),
        ]

    def _advice(self, shown: int) -> list[str]:
        total, lines = self.total, []
        hidden = total.rejected + total.failed + total.to_send - shown
        if hidden > 0:
            lines.append(f"... and {hidden:,} more" if shown else f"{hidden:,} were not sent")
        if total.rejected:
            lines.append("try: claims dead-letters list   (rejected: not sent again until they change)")
        if total.failed:
            lines.append("try: the same command again   (failed: still to do, it continues where it stopped)")
        if self.vanished_failed:
            lines.append("try: remove what refers to what has vanished, then the same command again")
        if self.stopped is not None:
            lines.append(self.stopped.render())
        return lines


def counts_table(by_type: Mapping[str, Counts], total: Counts, *, is_dry_run: bool) -> str:
    """Return the lines of a table, one line a resource type and one for all, for a terminal of 80 columns."""
    left_out = NEVER_OF_A_DRY_RUN if is_dry_run else ONLY_OF_A_DRY_RUN
    columns = [name for name in HEADINGS if name not in left_out]
    rows = [
        [name, *(f"{getattr(counts, column):,}" for column in columns)]
        for name, counts in (*sorted(by_type.items()), ("total", total))
    ]
    return table(["", *(HEADINGS[column] for column in columns)], rows)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value * 1000:,.0f} ms"
