"""The time axis of the charts: days, weeks or months, whichever fits the range that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.comparison import changing_from
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain, calendar, name_of
from claims_pipeline.dashboard.members import days_chosen

LONGEST_BY_DAY, LONGEST_BY_WEEK = 45, 200
"""Days that a chart shows day by day, and week by week; a longer range is shown month by month."""

ARRIVED_SHARE = 0.95
"""Claims for a day of service count as arrived when this share of all claims takes no longer to arrive."""

MOST_NAMED_MONTHS = 14
"""Of more months the names would touch, and Vega would leave out every second, the first of a year among them."""

GAP = 0.12
"""Share of a period's width that is left free between the bars."""

FEW_BARS = 8
"""Fewer bars are as narrow as these would be."""

_TIME_UNITS: dict[Grain, str] = {"day": "utcyearmonthdate", "week": "utcyearmonthdate", "month": "utcyearmonth"}
_TITLES: dict[Grain, str] = {"day": "Day", "week": "Week from", "month": "Month"}
_FORMATS: dict[Grain, str] = {"day": "%b %d, %Y", "week": "%b %d, %Y", "month": "%B %Y"}
_LABELS: dict[Grain, str] = {
    "day": "[utcFormat(datum.value, '%-d'), utcFormat(datum.value, '%d') === '01' || datum.index === 0 "
    "? utcFormat(datum.value, '%b %Y') : '']",
    "week": "[utcFormat(datum.value, '%b %-d'), datum.index === 0 ? utcFormat(datum.value, '%Y') : '']",
    "month": "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%m') === '01' "
    "|| datum.index === 0 && utcFormat(datum.value, '%m') !== '12' ? utcFormat(datum.value, '%Y') : '']",
}


@dataclass(frozen=True)
class Period:
    """A day, week (from Monday) or month.

    Attributes:
        grain: which of the three.
        first: its first day.
        last: its last day.
        shown_day_count: how many of its days the lake and the filters let in.
        is_changing: its figures may still change, because claims of it are too recent.
    """

    grain: Grain
    first: date
    last: date
    shown_day_count: int
    is_changing: bool

    @property
    def day_count(self) -> int:
        """Days that it has."""
        return (self.last - self.first).days + 1

    @property
    def name(self) -> str:
        """As in "May 2025 (7 of 31 days)"; the days only if they are not all of them."""
        text = name_of(self.grain, self.first)
        return text if self.shown_day_count == self.day_count else f"{text} ({self.days} days)"

    @property
    def days(self) -> str:
        """As in "7 of 31"."""
        return f"{self.shown_day_count} of {self.day_count}"

    @property
    def columns(self) -> dict[str, Any]:
        """What each row of a chart over time has."""
        return {
            "period": self.first.isoformat(),
            "days": self.days,
            "is_partial": self.shown_day_count < self.day_count,
            "is_changing": self.is_changing,
        }


def axis(shown: Sequence[Period]) -> dict[str, Any]:
    """Return the x channel: one step a period; of more months than fit, each quarter's first has its name.

    In UTC: in local time the first of a month falls into the month before for everyone west of Greenwich.
    """
    grain: Grain = shown[0].grain if shown else "month"
    label = _LABELS[grain]
    if grain == "month" and len(shown) > MOST_NAMED_MONTHS:
        is_named = "utcmonth(datum.value) % 3 === 0 || datum.index === 0 && utcmonth(datum.value) !== 11"
        label = f"{is_named} ? {label} : ''"
    return {
        "field": "period",
        "type": "ordinal",
        "timeUnit": _TIME_UNITS[grain],
        "scale": {"paddingInner": GAP},
        "axis": {
            "title": None,
            "labelExpr": label,
            "labelAngle": 0,
            "labelOverlap": "greedy",
            "labelSeparation": 6,
            "ticks": False,
            "labelPadding": 6,
        },
    }


def bar_width(shown: Sequence[Period]) -> dict[str, Any]:
    """Return the width of a bar where there are so few that each would fill much of the chart."""
    return {"width": {"band": len(shown) / FEW_BARS}} if len(shown) < FEW_BARS else {}


def in_tooltip(grain: Grain) -> list[dict[str, Any]]:
    """Return the tooltip's first lines, which are also the first columns of the table of figures."""
    time = {"field": "period", "type": "temporal", "timeUnit": _TIME_UNITS[grain]}
    days = [] if grain == "day" else [{"field": "days", "title": "Days"}]
    return [time | {"title": _TITLES[grain], "format": _FORMATS[grain]}, *days]


def range_shown(view: View, filters: Filters) -> tuple[date, date] | None:
    """Return the first and the last day that a chart over time shows, None if no claim matches the filters."""
    found = view.select_remembered(
        f"select min({filters.day}) as first_day, max({filters.day}) as last_day "
        f"from {filters.claims_by_day} {filters.where}",
        *filters.parameters,
    )[0]
    if found["first_day"] is None:
        return None
    if filters.basis == "service":
        return found["first_day"], found["last_day"]
    first = max(filters.received_from or found["first_day"], view.built_from.first_day)
    last = min(filters.received_to or found["last_day"], view.built_from.last_day)
    return first, last


def grain_of(first: date, last: date) -> Grain:
    """Return the grain that shows a range in a readable number of steps."""
    day_count = (last - first).days + 1
    return "day" if day_count <= LONGEST_BY_DAY else "week" if day_count <= LONGEST_BY_WEEK else "month"


def periods(view: View, filters: Filters, first: date, last: date) -> list[Period]:
    """Return the periods from `first` to `last` without gaps: one that has no claims is a zero."""
    grain = grain_of(first, last)
    built_from = view.built_from
    is_by_receipt = filters.basis == "received"
    lowest = max(built_from.first_day, filters.received_from or date.min) if is_by_receipt else first
    highest = min(built_from.last_day, filters.received_to or date.max)
    changing = _changing_from(view, filters)
    return [
        Period(
            grain,
            begin,
            end,
            max((min(end, highest) - max(begin, lowest)).days + 1, 0),
            is_changing=end >= changing,
        )
        for begin, end in calendar(grain, max(first, lowest), min(last, highest))
    ]


def complete_periods(view: View, filters: Filters) -> list[Period]:
    """Return the days, weeks or months of receipt under the filters of which the lake and the filters have all days."""
    by_receipt = filters.model_copy(update={"basis": "received"})
    shown = periods(view, by_receipt, *days_chosen(view, filters))
    return [one for one in shown if one.shown_day_count == one.day_count]


def _changing_from(view: View, filters: Filters) -> date:
    if filters.basis == "received":
        return changing_from(view)
    lag = view.select_remembered(
        f"select coalesce(quantile_disc(received_date - claim_start_date, {ARRIVED_SHARE}), 0) as days "
        "from claims_current"
    )[0]["days"]
    return changing_from(view) - timedelta(days=int(lag))
