"""Charts over time, by month of receipt."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.registry import (
    ACCENT,
    STATUS_COLORS,
    Spec,
    charged,
    chart,
    counted,
    specification,
)
from claims_pipeline.dashboard.filters import Filters

MONTH = {
    "field": "month",
    "type": "ordinal",
    "timeUnit": "utcyearmonth",
    "axis": {
        "title": None,
        "labelExpr": "[utcFormat(datum.value, '%b'), utcFormat(datum.value, '%m') === '01' || datum.index === 0 "
        "? utcFormat(datum.value, '%Y') : '']",
        "labelAngle": 0,
        "labelOverlap": "greedy",
        "labelSeparation": 6,
        "ticks": False,
        "labelPadding": 6,
    },
}
"""In UTC: in local time the first of a month falls into the month before for everyone west of Greenwich."""

IN_TOOLTIP = (
    {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": "Month", "format": "%B %Y"},
    {"field": "days", "title": "Days"},
)


@chart(title="Claims received by month", place=1, width="two-thirds")
def claims_by_month(view: View, filters: Filters) -> Spec:
    """Claims by month of receipt, stacked by their current status."""
    rows = view.select_remembered(
        f"""
        select date_trunc('month', received_date)::date as month, claim_status, sum(claim_count)::bigint as claim_count
        from {filters.claims_by_day} {filters.where} group by all order by all
        """,
        *filters.parameters,
    )
    counts = {(row["month"], row["claim_status"]): row["claim_count"] for row in rows}
    values = [
        month.columns
        | {
            "claim_status": status,
            "claim_count": (count := counts.get((month.first, status), 0)),
            "description": f"{month.name}: {count:,} {status} claims",
        }
        for month in _every_month(view, filters, rows)
        for status in filters.status or STATUS_COLORS
    ]
    return specification(
        "Claims received by month",
        f"Number of {counted(filters)}, by their status today{_partial_months(values, 'faint')}",
        values,
        mark={"type": "bar", "cornerRadiusEnd": 2},
        encoding={
            "x": MONTH,
            "y": {
                "field": "claim_count",
                "type": "quantitative",
                "axis": {"title": None, "format": ",d", "tickMinStep": 1},
            },
            "color": {
                "field": "claim_status",
                "type": "nominal",
                "scale": {"domain": list(STATUS_COLORS), "range": list(STATUS_COLORS.values())},
                "legend": {"title": None, "orient": "top"},
            },
            "opacity": {"condition": {"test": "datum.is_partial", "value": 0.5}, "value": 1},
            "order": {"field": "claim_status"},
            "tooltip": [
                *IN_TOOLTIP,
                {"field": "claim_status", "title": "Status"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
            ],
        },
    )


@chart(title="Cost trend", place=3, width="two-thirds")
def cost_trend(view: View, filters: Filters) -> Spec:
    """Charges by month of receipt, and the average charge of a claim."""
    rows = view.select_remembered(
        f"""
        select date_trunc('month', received_date)::date as month, {filters.charges} as charge_amount,
            {filters.charged_count} as claim_count
        from {filters.claims_by_day} {filters.where} group by all order by all
        """,
        *filters.parameters,
    )
    by_month = {row["month"]: row for row in rows}
    values = [_charges(month, by_month.get(month.first)) for month in _every_month(view, filters, rows)]
    return specification(
        "Cost trend",
        f"By month of receipt, {charged(filters)}{_partial_months(values, 'hollow')}",
        values,
        layer=[
            {
                "mark": {
                    "type": "area",
                    "color": ACCENT,
                    "line": {"color": ACCENT, "aria": False},
                    "fillOpacity": 0.15,
                    "aria": False,
                },
                "encoding": {"description": {"value": ""}},  # a field here would cut the area into one a month
            },
            {
                "mark": {"type": "point", "color": ACCENT, "size": 50, "opacity": 1},
                "encoding": {"fill": {"condition": {"test": "datum.is_partial", "value": "#fff"}, "value": ACCENT}},
            },
        ],
        encoding={
            "x": MONTH,
            "y": {"field": "charge_amount", "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}},
            "tooltip": [
                *IN_TOOLTIP,
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                {"field": "average_charge_amount", "type": "quantitative", "title": "Average", "format": "$,.2f"},
            ],
        },
    )


@dataclass(frozen=True)
class Month:
    """A month, and how many of its days the lake and the filters let in."""

    first: date
    day_count: int
    shown_day_count: int

    @property
    def name(self) -> str:
        """As in May 2025, with the days if they are not all of them."""
        days = "" if self.shown_day_count == self.day_count else f" ({self.days} days)"
        return f"{self.first:%B %Y}{days}"

    @property
    def days(self) -> str:
        """As in 7 of 30."""
        return f"{self.shown_day_count} of {self.day_count}"

    @property
    def columns(self) -> dict[str, Any]:
        """What every row of a chart by month has."""
        is_partial = self.shown_day_count < self.day_count
        return {"month": self.first.isoformat(), "days": self.days, "is_partial": is_partial}


def _every_month(view: View, filters: Filters, rows: Rows) -> list[Month]:
    """Return the months from the first row's to the last row's: one without claims is a zero, not a gap."""
    first_shown = max(view.built_from.first_day, filters.received_from or date.min)
    last_shown = min(view.built_from.last_day, filters.received_to or date.max)
    found = {row["month"] for row in rows}
    months: list[Month] = []
    following = min(found, default=None)
    while following and following <= max(found):
        day_count = monthrange(following.year, following.month)[1]
        last = following.replace(day=day_count)
        shown = min(last, last_shown) - max(following, first_shown)
        months.append(Month(following, day_count, max(shown.days + 1, 0)))
        following = last + timedelta(days=1)
    return months


def _partial_months(values: Rows, look: str) -> str:
    return f"; {look} where a month is not complete" if any(row["is_partial"] for row in values) else ""


def _charges(month: Month, row: dict[str, Any] | None) -> dict[str, Any]:
    amount, count = (float(row["charge_amount"]), row["claim_count"]) if row else (0.0, 0)
    return month.columns | {
        "charge_amount": amount,
        "claim_count": count,
        "average_charge_amount": round(amount / count, 2) if count else None,
        "description": f"{month.name}: ${amount:,.2f}, {count:,} claims",
    }
