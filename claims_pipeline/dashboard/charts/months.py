"""Charts over time, by month of receipt."""

from datetime import date

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
    "type": "temporal",
    "timeUnit": "utcyearmonth",
    "axis": {"title": None, "format": "%b %Y", "labelAngle": 0, "labelOverlap": "greedy", "grid": False},
}
"""In UTC: in local time the first of a month falls into the month before for everyone west of Greenwich."""


@chart(title="Claims received by month", width="two-thirds")
def claims_by_month(view: View, filters: Filters) -> Spec:
    """Claims by month of receipt, stacked by their current status."""
    rows = view.select_remembered(
        f"""
        select date_trunc('month', received_date)::date as month, claim_status, sum(claim_count)::bigint as claim_count
        from {filters.claims_by_day} {filters.where} group by all order by all
        """,
        *filters.parameters,
    )
    values = [row | {"month": row["month"].isoformat()} for row in rows]
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
            "tooltip": [
                {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": "Month", "format": "%B %Y"},
                {"field": "claim_status", "title": "Status"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
            ],
        },
    )


@chart(title="Cost trend", width="two-thirds")
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
    return specification(
        "Cost trend",
        f"{charged(filters).capitalize()} by month of receipt",
        _every_month(rows),
        mark={
            "type": "area",
            "line": {"color": ACCENT},
            "point": {"color": ACCENT, "filled": True},
            "color": ACCENT,
            "fillOpacity": 0.15,
            "interpolate": "monotone",
        },
        encoding={
            "x": MONTH,
            "y": {"field": "charge_amount", "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}},
            "tooltip": [
                {"field": "month", "type": "temporal", "timeUnit": "utcyearmonth", "title": "Month", "format": "%B %Y"},
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                {"field": "average_charge_amount", "type": "quantitative", "title": "Average", "format": "$,.2f"},
            ],
        },
    )


def _every_month(rows: Rows) -> Rows:
    """Return the rows as JSON values, with a zero for each month without claims between the first and the last."""
    if not rows:
        return []
    by_month = {row["month"]: row for row in rows}
    months = [min(by_month)]
    while months[-1] < max(by_month):
        last = months[-1]
        months.append(date(last.year + last.month // 12, last.month % 12 + 1, 1))
    return [_charges(month, by_month.get(month, {"charge_amount": 0, "claim_count": 0})) for month in months]


def _charges(month: date, row: dict[str, object]) -> dict[str, object]:
    amount, count = float(str(row["charge_amount"])), int(str(row["claim_count"]))
    return {
        "month": month.isoformat(),
        "charge_amount": amount,
        "claim_count": count,
        "average_charge_amount": round(amount / count, 2) if count else None,
    }
