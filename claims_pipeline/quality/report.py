"""The report of the checks of a lake's rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.findings import CHECKS, findings
from claims_pipeline.quality.scoring import Score, scores
from claims_pipeline.reports import aligned, table
from claims_pipeline.schema import CLAIMS

EXAMPLES = 5
"""Number of findings of each check that the report shows."""


@dataclass(frozen=True)
class QualityReport:
    """Report of the checks.

    Attributes:
        versions: claim versions checked.
        counts: number of findings by check, including checks without any.
        examples: the first findings of each check, as rows.
        scores: how many of the planted irregularities the checks found, in a lake that has some.
    """

    kind: ClassVar[str] = "quality"

    lake: str
    days: int
    versions: int
    counts: tuple[tuple[str, int], ...]
    examples: tuple[dict[str, Any], ...]
    scores: tuple[Score, ...] = ()

    @property
    def total(self) -> int:
        """Number of all findings."""
        return sum(count for _, count in self.counts)

    def render(self) -> str:
        """Return the lines that a person reads."""
        head = f"{self.lake}: {self.versions:,} claim versions of {self.days:,} days"
        lines = [head, "", aligned([(name, f"{count:,}") for name, count in self.counts])]
        if self.examples:
            lines += ["", f"first {EXAMPLES} of each:"]
            lines += [_example(one) for one in self.examples]
        if self.scores:
            rows = [[one.kind, one.check, f"{one.planted:,}", f"{one.found:,}"] for one in self.scores]
            lines += ["", table(["planted", "check", "claims", "found"], rows)]
        return "\n".join([*lines, "", f"{self.total:,} finding{'' if self.total == 1 else 's'}"])

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "lake": self.lake,
            "days": self.days,
            "claim_versions": self.versions,
            "findings": self.total,
            "checks": dict(self.counts),
            "planted": {
                one.kind: {"check": one.check, "claims": one.planted, "found": one.found} for one in self.scores
            },
            "examples": [{**one, "day": one["day"] and str(one["day"])} for one in self.examples],
        }


def _example(one: dict[str, Any]) -> str:
    partition = f"{one['table']}/{one['day']}" if one["day"] else one["table"]
    return "  ".join(["", one["check"], partition, *filter(None, [one["id"], one["detail"]])])


def check(lake: Lake, days: Iterable[date] | None = None) -> QualityReport:
    """Check some days of a lake (default: all), and return the report.

    Raises:
        DataError: a partition or a table of the directory is missing or unreadable.
    """
    chosen = sorted(lake.days(CLAIMS) if days is None else set(days))
    rows = findings(lake, chosen)
    counts = dict(rows.group_by("check").len().iter_rows())
    return QualityReport(
        lake=str(lake.root),
        days=len(chosen),
        versions=int(lake.scan(CLAIMS, chosen).select(pl.len()).collect().item()),
        counts=tuple((one.name, counts.get(one.name, 0)) for one in CHECKS),
        scores=scores(lake, chosen, rows),
        examples=tuple(rows.group_by("check", maintain_order=True).head(EXAMPLES).iter_rows(named=True)),
    )
