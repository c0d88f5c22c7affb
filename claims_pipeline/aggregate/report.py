"""The report of a build."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from claims_pipeline.reports import aligned


@dataclass(frozen=True)
class AggregateReport:
    """Report of one build.

    Attributes:
        row_counts: rows by model, in the order of the build.
        day_count: partitions of claims read, from `first_day` to `last_day`.
        is_unchanged: the published file was built from the same lake, so nothing was done.
        seconds: duration.
    """

    kind: ClassVar[str] = "aggregate"

    analytics_path: Path
    row_counts: Mapping[str, int]
    day_count: int
    first_day: date
    last_day: date
    is_unchanged: bool
    seconds: float

    def render(self) -> str:
        """Return the lines that a person reads; without the rows of models that are as they were."""
        counts = [("Rows", ""), *((f"  {name}", f"{count:>12,}") for name, count in self.row_counts.items())]
        missing = (self.last_day - self.first_day).days + 1 - self.day_count
        gaps = f" ({missing:,} missing between them)" if missing else ""
        result = "unchanged since the last build" if self.is_unchanged else "built"
        return aligned(
            [
                ("Analytics", str(self.analytics_path)),
                ("Lake", f"{self.day_count:,} days, {self.first_day} to {self.last_day}{gaps}"),
                ("Result", f"{result}, {self.seconds:.1f} s"),
                *([] if self.is_unchanged else counts),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "analytics_path": str(self.analytics_path),
            "row_counts": dict(self.row_counts),
            "day_count": self.day_count,
            "first_day": str(self.first_day),
            "last_day": str(self.last_day),
            "is_unchanged": self.is_unchanged,
            "seconds": round(self.seconds, 3),
        }
