"""The account of one load: the end of each resource, and the report that is printed.

Longer than other modules: what is counted (`Tally`), the counts and the report of them are read together.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import polars as pl

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.load.resource import LOADED, Result
from claims_pipeline.reports import aligned, table

FAILURES_KEPT = 200
NO_DAY = ""
NO_TYPE = "(none)"
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
class Counts:
    """How many resources of one type have which end; raises ValueError unless each has exactly one.

    `to_send` counts what a dry run would send, 0 otherwise.
    """

    read: int = 0
    unchanged: int = 0
    superseded: int = 0
    created: int = 0
    updated: int = 0
    already_equal: int = 0
    rejected: int = 0
    failed: int = 0
    to_send: int = 0

    def __post_init__(self) -> None:
        if self.read != self.unchanged + self.superseded + self.loaded + self.rejected + self.failed + self.to_send:
            raise ValueError(f"resources are unaccounted for: {asdict(self)}")

    @property
    def loaded(self) -> int:
        """Resources that the server confirmed."""
        return self.created + self.updated + self.already_equal

    def to_json(self) -> dict[str, int]:
        """Return the counts, and their sum `loaded`, as JSON values."""
        return asdict(self) | {"loaded": self.loaded}

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Failure:
    """One resource that was rejected or failed: its name, where it came from, and what the server said."""

    outcome: str
    name: str
    source: str
    http_status: int
    text: str

    def render(self) -> str:
        """Return the text that is printed."""
        status = f" (HTTP {self.http_status})" if self.http_status else ""
        said = self.text.replace("\n", "\n  ")
        return f"{self.outcome} {self.name} from {self.source}{status}\n  {said}"


@dataclass(frozen=True)
class Pending:
    """One resource that a dry run would have sent: its name, and where it came from."""

    name: str
    source: str

    def render(self) -> str:
        """Return the text that is printed."""
        return f"would send {self.name} from {self.source}"


@dataclass
class Tally:
    """Counts by resource type and day (empty for what has no day).

    Attributes:
        counts: outcomes by (resource type, day); `read` is counted on its own, so that the sum can be checked.
        incomplete: sources of which something was rejected or failed.
        failures: the first failures and rejections.
        would_send: the first resources that a dry run would have sent.
        failed: "Type/id" of what failed, for what refers to it.
        settled: resources whose end is known.
        vanished: what was done about what the source no longer has, such as "Claim kept": count.
        vanished_failed: of these, those that the server refused to delete or to mark.
    """

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    incomplete: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)
    would_send: list[Pending] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    settled: int = 0
    vanished: Counter[str] = field(default_factory=Counter)
    vanished_failed: int = 0

    def add_read(self, rows: pl.DataFrame) -> None:
        """Count rows (columns resource_type and as_of) as read."""
        for resource_type, day, count in _by_type_and_day(rows):
            self.counts[resource_type, day]["read"] += count

    def add_rows(self, rows: pl.DataFrame, outcome: str) -> None:
        """Count rows (columns resource_type and as_of) under an outcome."""
        for resource_type, day, count in _by_type_and_day(rows):
            self._count(resource_type, day, outcome, count)

    def add_partition(self, resource_type: str, day: str, count: int) -> None:
        """Count a partition that was not opened because its digest is the one that was loaded."""
        self.counts[resource_type, day]["read"] += count
        self._count(resource_type, day, "unchanged", count)

    def add_results(self, results: Iterable[Result]) -> None:
        """Count the results of resources that were sent, or that a dry run would send."""
        ends: Counter[tuple[str, str, str]] = Counter()
        for result in results:
            resource, outcome = result.resource, result.outcome
            ends[resource.resource_type, resource.as_of, outcome] += 1
            if outcome in LOADED:
                continue
            if outcome in {"rejected", "failed"}:
                self.incomplete.add(resource.source)
                self.add_failures([result])
            if outcome == "failed":
                self.failed.add(resource.name)
            if outcome == "to_send" and len(self.would_send) < FAILURES_KEPT:
                self.would_send.append(Pending(resource.name, resource.source))
        for (resource_type, day, outcome), number in ends.items():
            self._count(resource_type, day, outcome, number)

    def add_failures(self, results: Iterable[Result]) -> None:
        """Keep the first failures for the report; they are not counted here."""
        for result in results:
            resource = result.resource
            if len(self.failures) < FAILURES_KEPT:
                self.failures.append(
                    Failure(result.outcome, resource.name, resource.source, result.http_status, result.text)
                )

    def add_still_rejected(self, rows: pl.DataFrame) -> None:
        """Count rows that were rejected before and have not changed."""
        self.add_rows(rows, "rejected")
        self.incomplete.update(rows["source"].unique().to_list())
        first = rows.head(FAILURES_KEPT - len(self.failures)).select("resource_type", "resource_id", "source")
        for resource_type, resource_id, source in first.iter_rows():
            name = f"{resource_type}/{resource_id}"
            text = f"was rejected before and has not changed; claims dead-letters show {name}"
            self.failures.append(Failure("rejected", name, source, 0, text))

    def add_unreadable(self, rejected: pl.DataFrame) -> None:
        """Count input that cannot be sent (columns of `sources.REJECTED_SCHEMA`)."""
        self._count_input(rejected, "rejected")
        for source, resource_type, resource_id, reason in rejected.head(FAILURES_KEPT - len(self.failures)).iter_rows():
            name = f"{resource_type or 'input'}/{resource_id}" if resource_id else resource_type or "input"
            self.failures.append(Failure("rejected", name, source, 0, reason))

    def add_superseded_input(self, superseded: pl.DataFrame) -> None:
        """Count resources that came again later in the input (columns of `sources.REJECTED_SCHEMA`)."""
        self._count_input(superseded, "superseded")

    def _count_input(self, rows: pl.DataFrame, outcome: str) -> None:
        by_type = rows.select(pl.col("resource_type").fill_null(NO_TYPE).replace("", NO_TYPE))["resource_type"]
        for resource_type, count in by_type.value_counts().rows():
            self.counts[resource_type, NO_DAY]["read"] += count
            self._count(resource_type, NO_DAY, outcome, count)

    def by_type(self) -> dict[str, Counts]:
        """Return the counts of each resource type."""
        totals: dict[str, Counter[str]] = defaultdict(Counter)
        for (resource_type, _), counter in self.counts.items():
            totals[resource_type].update(counter)
        return {resource_type: Counts(**counter) for resource_type, counter in totals.items()}

    def by_day(self) -> dict[str, dict[str, Counts]]:
        """Return the counts of each resource type on each day; resources without a day are left out."""
        days: dict[str, dict[str, Counts]] = defaultdict(dict)
        for (resource_type, day), counter in sorted(self.counts.items()):
            if day != NO_DAY:
                days[day][resource_type] = Counts(**counter)
        return dict(days)

    def _count(self, resource_type: str, day: str, outcome: str, number: int) -> None:
        self.counts[resource_type, day][outcome] += number
        self.settled += number


def _by_type_and_day(rows: pl.DataFrame) -> list[tuple[str, str, int]]:
    return rows.group_by("resource_type", "as_of").len().rows()


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
        ranks = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99))
        return cls(*(round(value, 4) for value in (*ranks, ordered[-1])))


@dataclass(frozen=True)
class LoadReport:
    """The figures of one load: what was read, sent and left out.

    Attributes:
        source: what was loaded.
        server: base address of the FHIR server.
        by_type: counts by resource type.
        by_day: counts by day and resource type, of what has a day.
        vanished: what was done about what the source no longer has, such as "Claim kept": count; in a dry run
            what would be done.
        vanished_failed: of these, those that the server refused to delete or to mark.
        requests: HTTP requests in all.
        requests_with_resources: those that carried resources; 0 when nothing had changed.
        retries: requests that repeated an earlier one.
        sent_bytes: size of the bundles sent.
        seconds: duration in all.
        sending_seconds: from the first request with resources to the last answer.
        latency: of requests with resources.
        status_codes: answers by HTTP status, or by the kind of error.
        in_flight: (seconds since the start, most requests at once) at each change.
        failures: the first rejections and failures.
        would_send: the first resources that a dry run would have sent.
        remarks: notes for the user; nothing is lost.
        stopped: why the load ended early, None if it did not.
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
        values = {f.name: getattr(self, f.name) for f in fields(self)}
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
                "stopped": self.stopped.message if self.stopped else None,
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
        return [
            *([("No longer in the source", vanished)] if vanished else []),
            ("Requests with resources", f"{self.requests_with_resources:,}" + (f" ({sent})" if sent else "")),
            ("Requests in all, retries", f"{self.requests:,} {self.retries:,}"),
            ("Answers by status", codes),
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
            lines.append(f"... and {hidden:,} more")
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
