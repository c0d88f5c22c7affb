"""Charts over time: by day, week or month of receipt or of service."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.periods import (
    GAP,
    Period,
    axis,
    grain_of,
    in_tooltip,
    periods,
    range_shown,
)
from claims_pipeline.dashboard.charts.registry import (
    ACCENT,
    STATUS_COLORS,
    Spec,
    charged,
    chart,
    counted,
    specification,
    whole_ticks,
)
from claims_pipeline.dashboard.comparison import comparison
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain, calendar

SHADE = {
    "mark": {
        "type": "rect",
        "color": "#8b93a1",
        "opacity": 0.14,
        "width": {"band": 1 / (1 - GAP)},  # also the gaps between the bars
        "aria": False,
        "tooltip": None,
    },
    "transform": [{"filter": "datum.is_changing && datum.is_first_of_period"}],
    "encoding": {"y": {"value": 0}, "y2": {"value": "height"}},
}
"""The background of the periods whose figures may still change."""


@chart(title="Claims timeline", place=1, width="two-thirds", plot_height=278)
def claims_timeline(view: View, filters: Filters) -> Spec:
    """Claims by day, week or month of receipt or service, stacked by their current status."""
    shown, rows = _rows(view, filters, "claim_status, sum(claim_count)::bigint as claim_count")
    counts = {(row["period"], row["claim_status"]): row["claim_count"] for row in rows}
    statuses: Sequence[str] = filters.status or tuple(STATUS_COLORS)
    values = [
        period.columns
        | {
            "claim_status": status,
            "claim_count": (count := counts.get((period.first, status), 0)),
            "is_first_of_period": status == statuses[0],
            "description": f"{period.name}: {count:,} {status} claims",
        }
        for period in shown
        for status in statuses
    ]
    grain = shown[0].grain if shown else "month"
    return specification(
        "Claims timeline",
        f"Number of {counted(filters)} by {grain} of {_BASIS[filters.basis]}, by their status today"
        f"{_notes(shown, partial='faint')}",
        values,
        chooses=_chooses(filters, grain),
        encoding={"x": axis(grain), "tooltip": [*in_tooltip(grain), *_TIMELINE_TOOLTIP]},
        layer=[
            SHADE,
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2},
                "encoding": {
                    "y": {
                        "field": "claim_count",
                        "type": "quantitative",
                        "axis": {"title": None, "format": ",d"} | whole_ticks(_most(counts)),
                    },
                    "color": {
                        "field": "claim_status",
                        "type": "nominal",
                        "scale": {"domain": list(STATUS_COLORS), "range": list(STATUS_COLORS.values())},
                        "legend": {"title": None, "orient": "top"},
                    },
                    "opacity": {"condition": {"test": "datum.is_partial", "value": 0.5}, "value": 1},
                    "order": {"field": "claim_status"},
                },
            },
        ],
    )


@chart(title="Cost trend", place=3, width="two-thirds", plot_height=248)
def cost_trend(view: View, filters: Filters) -> Spec:
    """Charges by day, week or month of receipt or service, and the average charge of a claim.

    With days of receipt chosen, the charges of the days that they are compared with are drawn in grey.
    """
    shown, rows = _rows(view, filters, f"{filters.charges} as charge_amount, {filters.charged_count} as claim_count")
    by_period = {row["period"]: row for row in rows}
    before, compared = _charges_before(view, filters, len(shown))
    values = [
        _charges(period, by_period.get(period.first)) | ({"before_amount": amount} if compared else {})
        for period, amount in zip(shown, before, strict=True)
    ]
    grain = shown[0].grain if shown else "month"
    return specification(
        "Cost trend",
        f"By {grain} of {_BASIS[filters.basis]}, {charged(filters)}{compared}{_notes(shown, partial='hollow')}",
        values,
        chooses=_chooses(filters, grain),
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
        ],
        encoding={
            "x": axis(grain),
            "tooltip": [
                *in_tooltip(grain),
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                {"field": "average_charge_amount", "type": "quantitative", "title": "Average", "format": "$,.2f"},
                *([_BEFORE | {"title": "Compared with", "format": "$,.2f"}] if compared else []),
            ],
        },
    )


def _chooses(filters: Filters, grain: Grain) -> tuple[str, str] | None:
    """Return what a click on a period chooses: its days of receipt; days of service are no filter."""
    return (grain, "period") if filters.basis == "received" else None


_BASIS = {"received": "receipt", "service": "service"}
_CHARGES = {"field": "charge_amount", "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}}
_TIMELINE_TOOLTIP = (
    {"field": "claim_status", "title": "Status"},
    {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
)


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


def _rows(view: View, filters: Filters, columns: str) -> tuple[list[Period], Rows]:
    """Return the periods to show, and `columns` by the first day of each period that has claims, as `period`."""
    span = range_shown(view, filters)
    if span is None:
        return [], []
    rows = view.select_remembered(
        f"""
        select date_trunc('{grain_of(*span)}', {filters.day})::date as period, {columns}
        from {filters.claims_by_day} {filters.where} group by all order by all
        """,
        *filters.parameters,
    )
    return periods(view, filters, *span), rows


def _most(counts: Mapping[tuple[date, str], int]) -> int:
    """Return the claims of the period that has most of them."""
    by_period: Counter[date] = Counter()
    for (period, _), count in counts.items():
        by_period[period] += count
    return max(by_period.values(), default=0)


def _notes(shown: Sequence[Period], *, partial: str) -> str:
    """Return what the reader has to know about single periods, for the subtitle."""
    notes = []
    if any(period.shown_day_count < period.day_count for period in shown):
        notes.append(f"{partial} where a {shown[0].grain} is not complete")
    if any(period.is_changing for period in shown):
        notes.append("shaded where figures may still change")
    return "".join(f"; {note}" for note in notes)


def _charges(period: Period, row: dict[str, Any] | None) -> dict[str, Any]:
    amount, count = (float(row["charge_amount"]), row["claim_count"]) if row else (0.0, 0)
    return period.columns | {
        "charge_amount": amount,
        "claim_count": count,
        "average_charge_amount": round(amount / count, 2) if count else None,
        "is_first_of_period": True,
        "description": f"{period.name}: ${amount:,.2f}, {count:,} claims",
    }
