"""Days and weeks of receipt with far more or fewer claims or charges than usual.

A day is compared with the same weekday of the eight weeks before, a week with the eight weeks before it. The score is
the robust z of ln(value / median of those): 0.6745 (x - median) / MAD over all days or weeks; beyond 3.5 it is an
anomaly. The first four weeks have nothing to compare with, and a first or last week counts only if it is complete.
"""

from datetime import date, timedelta
from math import log
from statistics import median
from typing import Literal

from pydantic import BaseModel

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.members import days_chosen
from claims_pipeline.reference.holidays import federal_holidays

WEEKS_BEFORE, FEWEST_BEFORE = 8, 4
ANOMALY_SCORE = 3.5
FEWEST_CLAIMS = 20
"""Where fewer claims are usual, chance alone doubles them."""
SMALLEST_RATIO = 1.25
"""A value within a quarter of the usual one is not worth a look, however steady the others are."""

Grain = Literal["day", "week"]
Measured = Literal["claims", "charges"]


class Anomaly(BaseModel):
    """A day or week of receipt with far more or less than usual."""

    grain: Literal["day", "week"]
    first_day: date
    last_day: date
    measured: Literal["claims", "charges"]
    value: float
    usual: float
    score: float
    reason: str


def anomalies(view: View, filters: Filters) -> list[Anomaly]:
    """Return the anomalies under the filters, the latest first."""
    first, last = days_chosen(view, filters)
    rows = view.select_remembered(
        f"select received_date as day, sum(claim_count)::bigint as claims, {filters.charges} as charges "
        f"from {filters.claims_by_day} {filters.where} group by all order by all",
        *filters.parameters,
    )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    claims, charges = (
        {day: by_day.get(day, 0.0) for day in days}
        for by_day in ({row["day"]: float(row[name]) for row in rows} for name in ("claims", "charges"))
    )
    weekly_claims, weekly_charges = _by_week(claims), _by_week(charges)
    found = [
        *unusual(claims, claims, "day", "claims"),
        *unusual(charges, claims, "day", "charges"),
        *unusual(weekly_claims, weekly_claims, "week", "claims"),
        *unusual(weekly_charges, weekly_claims, "week", "charges"),
    ]
    return sorted(found, key=lambda one: (one.first_day, one.grain, one.measured), reverse=True)


def unusual(
    values: dict[date, float], claim_counts: dict[date, float], grain: Grain, measured: Measured
) -> list[Anomaly]:
    """Return the values that are far from what was usual before them, where enough claims are usual."""
    usual = {start: expected for start in values if (expected := _usual(values, start)) is not None}
    logs = {start: log((values[start] + 1) / (expected + 1)) for start, expected in usual.items()}
    if not logs:
        return []
    center = median(logs.values())
    spread = median(abs(one - center) for one in logs.values())
    scores = {start: 0.6745 * (one - center) / spread if spread else 0.0 for start, one in logs.items()}
    return [
        _anomaly(start, grain, measured, values[start], usual[start], score)
        for start, score in scores.items()
        if abs(score) > ANOMALY_SCORE
        and abs(logs[start]) > log(SMALLEST_RATIO)
        and (_usual(claim_counts, start) or 0) >= FEWEST_CLAIMS
    ]


def _usual(values: dict[date, float], start: date) -> float | None:
    """Return the median of the same days of the weeks before, None if there are too few."""
    before = [start - timedelta(weeks=week) for week in range(1, WEEKS_BEFORE + 1)]
    known = [values[day] for day in before if day in values]
    return median(known) if len(known) >= FEWEST_BEFORE else None


def _by_week(values: dict[date, float]) -> dict[date, float]:
    """Return the sums of the weeks, from Monday, that are complete."""
    starts = [day for day in values if day.weekday() == 0 and day + timedelta(days=6) in values]
    return {start: sum(values[start + timedelta(days=number)] for number in range(7)) for start in starts}


def _anomaly(start: date, grain: Grain, measured: Measured, value: float, usual: float, score: float) -> Anomaly:
    def said(amount: float) -> str:
        return f"${amount:,.0f}" if measured == "charges" else f"{amount:,.0f} claims"

    compared = f"a {start:%A}" if grain == "day" else "a week"
    more = "more" if value > usual else "less" if measured == "charges" else "fewer"
    last = start if grain == "day" else start + timedelta(days=6)
    holidays = _holidays(start, last) if value < usual else []
    return Anomaly(
        grain=grain,
        first_day=start,
        last_day=last,
        measured=measured,
        value=value,
        usual=usual,
        score=round(score, 1),
        reason=f"{said(value)} received, {more} than the usual {said(usual)} of {compared} in the weeks before"
        + "".join(f" ({name})" for name in holidays),
    )


def _holidays(first: date, last: date) -> list[str]:
    """Return the names of the federal holidays from `first` to `last`: many practices are closed then."""
    years = range(first.year, last.year + 2)  # New Year's Day may be kept on December 31
    return [one.name for year in years for one in federal_holidays(year) if first <= one.day <= last]
