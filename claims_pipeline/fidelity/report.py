"""The report of a comparison with public figures."""

from dataclasses import asdict, dataclass
from datetime import date
from textwrap import wrap
from typing import Any, ClassVar, Literal

from claims_pipeline.fidelity.estimate import Estimate

NEEDED_MONTHS = 24
NEEDED_CLAIMS = 200_000
"""The figures of a smaller lake vary more than the tolerances allow, and its services lack their run-out."""

ERRORS_BEYOND = 2
"""Standard errors by which a figure must lie beyond a bound to miss it: chance alone does that once in 40 times."""

WORDS = (
    "+-: standard error, how far chance alone moves a figure of so many people and claims.",
    f"uncertain: out of its bounds by less than {ERRORS_BEYOND} standard errors; another seed may give one in them.",
    "too small: out of its bounds, in a lake smaller than the bounds presume. reported: no bounds.",
)
Verdict = Literal["holds", "misses", "uncertain", "too small", "reported"]


@dataclass(frozen=True)
class Measurement:
    """One figure: its target, its bounds (None: it is only reported), and its value in the lake, `generated`.

    `generated` is None if the lake has nothing to measure, `standard_error` if it is not estimated. `source` says
    where the target is from and how the bounds are set.
    """

    row: int
    metric: str
    part: str
    unit: str
    target: float | None
    low: float | None
    high: float | None
    generated: float | None
    standard_error: float | None
    verdict: Verdict
    source: str = ""


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
    def held(self) -> int:
        """How many figures are within their bounds."""
        return sum(one.verdict == "holds" for one in self.measurements)

    @property
    def judged(self) -> int:
        """How many figures have bounds."""
        return sum(one.verdict != "reported" for one in self.measurements)

    @property
    def uncertain(self) -> int:
        """How many figures are out of their bounds by less than chance may explain."""
        return sum(one.verdict == "uncertain" for one in self.measurements)

    @property
    def too_small(self) -> int:
        """How many figures are out of their bounds, or missing, in a lake that is too small to say why."""
        return sum(one.verdict == "too small" for one in self.measurements)

    @property
    def misses(self) -> tuple[Measurement, ...]:
        """The measurements that are out of their bounds."""
        return tuple(one for one in self.measurements if one.verdict == "misses")

    def render(self) -> str:
        """Return the table that a person reads."""
        lines = [f"{self.lake}: {self.claims:,} claims received {self.start} .. {self.end}"]
        if not self.is_large_enough:
            needed = f"{NEEDED_MONTHS} months and {NEEDED_CLAIMS:,} claims"
            lines.append(
                f"(less than the {needed} that the bounds presume: figures are measured, none is called a miss)"
            )
        width = max((len(one.part) for one in self.measurements), default=0)
        metric = ""
        for one in self.measurements:
            if f"{one.row}. {one.metric}" != metric:
                metric = f"{one.row}. {one.metric}"
                lines += [
                    "",
                    f"{metric} ({one.unit})",
                    *wrap(one.source, 100, initial_indent="  ", subsequent_indent="  "),
                ]
            lines.append(
                f"  {one.part:<{width}}  target {_figure(one.target):>7}  generated {_figure(one.generated):>7}"
                f" {_error(one.standard_error):<7}  bounds {_bounds(one):<16} {one.verdict}".rstrip()
            )
        lines += [
            "",
            *WORDS,
            "",
            *(f"misses: {one.row}. {one.metric}: {one.part}" for one in self.misses),
            self.summary(),
        ]
        return "\n".join(lines)

    def summary(self) -> str:
        """Return how many figures hold, miss, and cannot be judged."""
        return (
            f"{self.held} of {self.judged} figures hold, {len(self.misses)} miss, "
            f"{self.uncertain} are uncertain, {self.too_small} cannot be judged (lake too small)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "lake": self.lake,
            "start": str(self.start),
            "end": str(self.end),
            "claims": self.claims,
            "is_large_enough": self.is_large_enough,
            "summary": self.summary(),
            "misses": len(self.misses),
            "uncertain": self.uncertain,
            "too_small": self.too_small,
            "measurements": [asdict(one) for one in self.measurements],
        }


def is_large_enough(start: date, end: date, claims: int) -> bool:
    """Return whether a lake has the months and claims that the tolerances presume."""
    months = (end.year - start.year) * 12 + end.month - start.month + (end.day >= start.day)
    return months >= NEEDED_MONTHS and claims >= NEEDED_CLAIMS


def verdict_of(found: Estimate | None, low: float | None, high: float | None, *, is_large: bool) -> Verdict:
    """Return what to say of a figure, given its bounds and whether the lake has what they presume."""
    if low is None or high is None:
        return "reported"
    if found is None:
        return "misses" if is_large else "too small"
    if low <= found.value <= high:
        return "holds"
    beyond = max(low - found.value, found.value - high)
    if not is_large:
        return "too small"
    return "misses" if beyond > ERRORS_BEYOND * found.error else "uncertain"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _error(value: float | None) -> str:
    return "" if value is None else f"+-{value:.2f}"


def _bounds(one: Measurement) -> str:
    return "-" if one.low is None else f"{_figure(one.low)} .. {_figure(one.high)}"
