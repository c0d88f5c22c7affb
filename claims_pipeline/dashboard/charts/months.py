"""Charts over time, by month of receipt."""

from datetime import date
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

IN_TOOLTIP = {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": "Month", "format": "%B %Y"}


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
        {
            "month": month.isoformat(),
            "claim_status": status,
            "claim_count": (count := counts.get((month, status), 0)),
            "description": f"{month:%B %Y}: {count:,} {status} claims",
        }
        for month in _every_month(rows)
        for status in filters.status or STATUS_COLORS
    ]
    return specification(
        "Claims received by month",
        f"Number of {counted(filters)}, by their status today",
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
            "order": {"field": "claim_status"},
            "tooltip": [
                IN_TOOLTIP,
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
    return specification(
        "Cost trend",
        f"By month of receipt, {charged(filters)}",
        [_charges(month, by_month.get(month)) for month in _every_month(rows)],
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
            {"mark": {"type": "point", "color": ACCENT, "filled": True, "size": 50, "opacity": 1}},
        ],
        encoding={
            "x": MONTH,
            "y": {"field": "charge_amount", "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}},
            "tooltip": [
                IN_TOOLTIP,
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                {"field": "average_charge_amount", "type": "quantitative", "title": "Average", "format": "$,.2f"},
            ],
        },
    )


def _every_month(rows: Rows) -> list[date]:
    """Return the months from the first row's to the last row's: one without claims is a zero, not a gap."""
    found = {row["month"] for row in rows}
    months = [min(found)] if found else []
    while months and months[-1] < max(found):
        last = months[-1]
        months.append(date(last.year + last.month // 12, last.month % 12 + 1, 1))
    return months


def _charges(month: date, row: dict[str, Any] | None) -> dict[str, Any]:
    amount, count = (float(row["charge_amount"]), row["claim_count"]) if row else (0.0, 0)
    return {
        "month": month.isoformat(),
        "charge_amount": amount,
        "claim_count": count,
        "average_charge_amount": round(amount / count, 2) if count else None,
        "description": f"{month:%B %Y}: ${amount:,.2f}, {count:,} claims",
    }
