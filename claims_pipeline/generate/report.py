"""The account of one run of the generator."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from claims_pipeline.lake import Feed
from claims_pipeline.reports import aligned


@dataclass(frozen=True)
class GenerateReport:
    """What a run made.

    Attributes:
        start, end: days generated, ends included.
        new_claims: claim ids received in those days.
        claim_versions, patients, coverages: rows over all partitions.
        files_written, files_unchanged: Parquet files published, and those found equal and left alone.
    """

    kind: ClassVar[str] = "generate"

    feed: Feed
    output: str
    start: date
    end: date
    new_claims: int
    claim_versions: int
    patients: int
    coverages: int
    files_written: int
    files_unchanged: int
    seconds: float

    def render(self) -> str:
        """Return the lines that a person reads."""
        days = (self.end - self.start).days + 1
        rate = self.new_claims / self.seconds if self.seconds else 0.0
        return aligned(
            [
                ("Days", f"{self.start} .. {self.end}  ({days:,})"),
                ("Claims      [new, versions]", f"{self.new_claims:,}  {self.claim_versions:,}"),
                ("Rows        [patients, coverages]", f"{self.patients:,}  {self.coverages:,}"),
                ("Files       [written, unchanged]", f"{self.files_written:,}  {self.files_unchanged:,}"),
                ("Population", f"{self.feed.patients:,}"),
                ("Seed", str(self.feed.seed)),
                ("Time        [s, claims/s]", f"{self.seconds:.1f}  {rate:,.0f}"),
                ("Output", self.output),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return the facts of the report as JSON values."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "feed"}
        return facts | {
            "start": str(self.start),
            "end": str(self.end),
            "seconds": round(self.seconds, 3),
            "feed": self.feed.model_dump(mode="json"),
        }
