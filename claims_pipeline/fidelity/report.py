"""The report of a comparison with public figures."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, ClassVar, Literal

NEEDED_MONTHS = 24
NEEDED_CLAIMS = 200_000
"""The figures of a smaller lake vary more than the tolerances allow, and its services lack their run-out."""

Verdict = Literal["holds", "misses", "too small", "reported"]


@dataclass(frozen=True)
class Measurement:
    """One figure: its target, its bounds (None: it is only reported), and its value in the lake, `generated`.

    `generated` is None if the lake has nothing to measure.
    """

    row: int
    metric: str
    part: str
    unit: str
    target: float | None
    low: float | None
    high: float | None
    generated: float | None
    verdict: Verdict


@dataclass(frozen=True)
class FidelityReport:
    """All measurements of a lake."""

    kind: ClassVar[str] = "fidelity"

    lake: str
    start: date
    end: date
    claims: int
    measurements: tuple[Measurement, ...]

    @property
    def is_large_enough(self) -> bool:
        """Whether the lake has the months and claims that the tolerances presume."""
        return is_large_enough(self.start, self.end, self.claims)

    @property
    def misses(self) -> tuple[Measurement, ...]:
        """The measurements that are out of their bounds."""
        return tuple(one for one in self.measurements if one.verdict == "misses")

    def render(self) -> str:
        """Return the table that a person reads."""
        lines = [f"{self.lake}: {self.claims:,} claims received {self.start} .. {self.end}"]
        if not self.is_large_enough:
            lines.append(f"(the tolerances presume {NEEDED_MONTHS} months and {NEEDED_CLAIMS:,} claims)")
        metric = ""
        for one in self.measurements:
            if f"{one.row}. {one.metric}" != metric:
                metric = f"{one.row}. {one.metric}"
                lines += ["", metric]
            lines.append(
                f"  {one.part:<36} target {_figure(one.target):>7}  generated {_figure(one.generated):>7}"
                f"  bounds {_bounds(one):<18} {one.verdict}".rstrip()
            )
        judged = [one for one in self.measurements if one.verdict != "reported"]
        held = sum(one.verdict == "holds" for one in judged)
        lines += ["", f"{held} of {len(judged)} hold, {len(self.misses)} miss"]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "lake": self.lake,
            "start": str(self.start),
            "end": str(self.end),
            "claims": self.claims,
            "is_large_enough": self.is_large_enough,
            "misses": len(self.misses),
            "measurements": [asdict(one) for one in self.measurements],
        }


def is_large_enough(start: date, end: date, claims: int) -> bool:
    """Return whether a lake has the months and claims that the tolerances presume."""
    months = (end.year - start.year) * 12 + end.month - start.month + (end.day >= start.day)
    return months >= NEEDED_MONTHS and claims >= NEEDED_CLAIMS


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _bounds(one: Measurement) -> str:
    return "-" if one.low is None else f"{_figure(one.low)} .. {_figure(one.high)}"
