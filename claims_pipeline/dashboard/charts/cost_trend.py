"""Charges over time: by day, week or month of receipt or of service."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.over_time import BASIS, SHADE, chooses, notes, rows_by_period
from claims_pipeline.dashboard.charts.periods import Period, axis, grain_of, in_tooltip
from claims_pipeline.dashboard.charts.registry import ACCENT, Spec, charged, chart, specification
from claims_pipeline.dashboard.charts.unusual import MARK_OF_UNUSUAL, UNUSUAL, unusual_periods
from claims_pipeline.dashboard.comparison import comparison
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import calendar
from claims_pipeline.dashboard.members import Bucket, days_chosen, members_by_bucket


@chart(title="Cost trend", place=3, width="two-thirds", plot_height=248)
def cost_trend(view: View, filters: Filters) -> Spec:
    """Charges by day, week or month of receipt or service, and the average charge of a claim.

    With days of receipt chosen, the charges of the days that they are compared with are drawn in grey.
    """
    columns = f"{filters.charges} as charge_amount, {filters.charged_count} as claim_count"
    shown, rows, sql = rows_by_period(view, filters, columns)
    unusual = unusual_periods(view, filters, shown, "charges")
    months = _member_months(view, filters, shown)
    by_period = {row["period"]: row for row in rows}
    before, compared = _charges_before(view, filters, len(shown))
    values = [
        _charges(period, by_period.get(period.first), months.get(period.first))
        | {"unusual": unusual.get(period.first, "")}
        | ({"before_amount": amount} if compared else {})
        for period, amount in zip(shown, before, strict=True)
    ]
    grain = shown[0].grain if shown else "month"
    return specification(
        "Cost trend",
        f"By {grain} of {BASIS[filters.basis]}, {charged(filters)}{compared}{notes(shown, unusual, partial='hollow')}",
        values,
        sql=sql,
        chooses=chooses(filters, grain),
        layer=[
            SHADE,
            *([_GREY] if compared else []),
            {
                "mark": {
                    "type": "area",
                    "color": ACCENT,
                    "line": {"color": ACCENT, "aria": False},
                    "fillOpacity": 0.15,
                    "aria": False,
                },
                "encoding": {"y": _CHARGES, "description": {"value": ""}},  # a field would cut the area into periods
            },
            {
                "mark": {"type": "point", "color": ACCENT, "size": 50, "opacity": 1},
                "encoding": {
                    "y": _CHARGES,
                    "fill": {"condition": {"test": "datum.is_partial", "value": "#fff"}, "value": ACCENT},
                },
            },
            *([MARK_OF_UNUSUAL] if unusual else []),
        ],
        encoding={
            "x": axis(shown),
            "tooltip": [
                *in_tooltip(grain),
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                {"field": "average_charge_amount", "type": "quantitative", "title": "Average", "format": "$,.2f"},
                *([_PMPM] if months else []),
                *([_BEFORE | {"title": "Compared with", "format": "$,.2f"}] if compared else []),
                *([UNUSUAL] if unusual else []),
            ],
        },
    )


_CHARGES = {"field": "charge_amount", "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}}
_PMPM = {"field": "charge_pmpm", "type": "quantitative", "title": "PMPM", "format": "$,.2f"}
_BEFORE = {"field": "before_amount", "type": "quantitative"}
_GREY = {
    "mark": {"type": "line", "color": "#8b93a1", "strokeDash": [5, 4], "aria": False, "tooltip": None},
    "encoding": {"y": _BEFORE | {"axis": _CHARGES["axis"]}, "description": {"value": ""}},
}
"""The charges that are compared with, period by period."""


def _charges_before(view: View, filters: Filters, period_count: int) -> tuple[list[float | None], str]:
    """Return the charges of the earlier days for each period that is shown, in order, and a note for the subtitle.

    There are none, and the note is empty, unless days of receipt are chosen and the lake has the earlier ones.
    """
    compared = comparison(view, filters)
    if not (filters.received_from or filters.received_to) or filters.basis != "received" or not compared.is_covered:
        return [None] * period_count, ""
    earlier = filters.within(compared.before_first, compared.before_last)
    grain = grain_of(compared.first, compared.last)
    rows = view.select_remembered(
        f"""
        select date_trunc('{grain}', received_date)::date as period, {filters.charges} as charge_amount
        from {earlier.claims_by_day} {earlier.where} group by all
        """,
        *earlier.parameters,
    )
    amounts = {row["period"]: float(row["charge_amount"]) for row in rows}
    found: list[float | None] = [
        amounts.get(first, 0.0) for first, _ in calendar(grain, compared.before_first, compared.before_last)
    ]
    days = f"{compared.before_first:%b} {compared.before_first.day}, {compared.before_first.year}"
    return (found + [None] * period_count)[:period_count], f"; grey: from {days}, for comparison"


def _member_months(view: View, filters: Filters, shown: Sequence[Period]) -> dict[date, float]:
    """Return the member months of each period of receipt by its first day; none where members are not chosen."""
    if filters.basis != "received" or filters.patient or not shown:
        return {}
    first, last = days_chosen(view, filters)
    buckets = [Bucket(one.first, max(one.first, first), min(one.last, last)) for one in shown]
    joined = members_by_bucket(filters, buckets, "period")
    rows = view.select_remembered(
        f"{joined.with_clause} select member_value, member_months from members", *joined.parameters
    )
    return {row["member_value"]: row["member_months"] for row in rows if row["member_months"]}


def _charges(period: Period, row: dict[str, Any] | None, member_months: float | None) -> dict[str, Any]:
    amount, count = (float(row["charge_amount"]), row["claim_count"]) if row else (0.0, 0)
    return period.columns | {
        "charge_amount": amount,
        "claim_count": count,
        "average_charge_amount": round(amount / count, 2) if count else None,
        "charge_pmpm": round(amount / member_months, 2) if member_months else None,
        "is_first_of_period": True,
        "description": f"{period.name}: ${amount:,.2f}, {count:,} claims",
    }
