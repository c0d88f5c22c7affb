"""Counts the result of each resource of a load, once."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

import polars as pl

from claims_pipeline.load.resource import LOADED, NOT_SENT, Result

FAILURES_KEPT = 200
NO_DAY = ""
NO_TYPE = "(none)"


@dataclass(frozen=True)
class Counts:
    """How many resources of one type have which result; raises ValueError unless each has exactly one.

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
        failures: the first failures and rejections, without what was not sent.
        would_send: the first resources that a dry run would have sent.
        failed: "Type/id" of what failed, for what refers to it.
        settled: resources that have a result.
        vanished: what was done with resources that the source no longer has, such as "Claim kept": count.
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
        """Keep the first failures for the report; they are not counted here, and what was not sent is left out."""
        for result in results:
            resource = result.resource
            if len(self.failures) < FAILURES_KEPT and result.text != NOT_SENT:
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
        """Count input that cannot be sent (columns of `REJECTED_SCHEMA` in sources/file_resources.py)."""
        self._count_input(rejected, "rejected")
        for source, resource_type, resource_id, reason in rejected.head(FAILURES_KEPT - len(self.failures)).iter_rows():
            name = f"{resource_type or 'input'}/{resource_id}" if resource_id else resource_type or "input"
            self.failures.append(Failure("rejected", name, source, 0, reason))

    def add_superseded_input(self, superseded: pl.DataFrame) -> None:
        """Count resources that came again later in the input (columns as for `add_unreadable`)."""
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
