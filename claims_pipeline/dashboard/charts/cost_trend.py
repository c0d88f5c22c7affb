"""Charges over time: by day, week or month of receipt or of service."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.earlier import days_compared, earlier_periods
from claims_pipeline.dashboard.charts.over_time import (
    BASIS,
    SHADE,
    chooses,
    notes,
    period_of,
    periods_shown,
    rows_by_period,
)
from claims_pipeline.dashboard.charts.periods import Period, axis, in_tooltip
from claims_pipeline.dashboard.charts.registry import ACCENT, ChartQuery, Spec, charged, chart, specification
from claims_pipeline.dashboard.charts.unusual import MARK_OF_UNUSUAL, UNUSUAL, unusual_periods
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES, plain_number
from claims_pipeline.dashboard.members import (
    NOT_JOINED,
    Bucket,
    days_chosen,
    members_by_bucket,
    values_with_members,
)

ByPeriod = dict[date, dict[str, Any]]


@chart(title="Cost trend", place=3, width="two-thirds", plot_height=248, choice="trend")
def cost_trend(view: View, filters: ChartQuery) -> Spec:
    """Charges, or charges for each member and month, by day, week or month of receipt or service.

    The charges that these are compared with are drawn in grey: those of the days before, if days of receipt are chosen,
    or of the year before; or the subtitle says why there are none.
    """
    shown, grain = periods_shown(view, filters)
    by_period, sql = _by_period(view, filters, period_of(filters, grain), _buckets(view, filters, shown))
    before, said_of_before, sql_before = _before(view, filters, shown)
    unusual = unusual_periods(view, filters, shown, "charges")
    is_per_member = _has_members(filters)
    drawn = filters.trend if is_per_member else "charge_amount"
    figures = ["charge_amount", *(["charge_pmpm"] if is_per_member else [])]
    values = [
        period.columns
        | {"is_first_of_period": True, "unusual": unusual.get(period.first, "")}
        | by_period.get(period.first, _NO_CLAIMS)
        | {f"before_{name}": before.get(period.first, {}).get(name) for name in figures if before}
        for period in shown
    ]
    for period, value in zip(shown, values, strict=True):
        value["description"] = _description(period, value)
    return specification(
        "Cost trend",
        f"By {grain} of {BASIS[filters.basis]}, {charged(filters)}{_PER_MEMBER[drawn]}"
        f"{said_of_before}"
        f"{notes(shown, unusual, partial='hollow')}{'' if drawn == filters.trend else _NO_MEMBERS}",
        values,
        sql=f"{sql};\n\n{sql_before}" if before else sql,
        chooses=chooses(filters, grain),
        layer=_layers(before, drawn, has_unusual=bool(unusual)),
        encoding={
            "x": axis(shown),
            "tooltip": [
                *in_tooltip(grain),
                _dollars("charge_amount", "Charges"),
                {"field": "claim_count", "type": "quantitative", "title": "Claims charged", "format": ",d"},
                _dollars("average_charge_amount", "Average"),
                *([_dollars("charge_pmpm", "PMPM")] if is_per_member else []),
                *(_dollars(f"before_{name}", _COMPARED[name]) for name in figures if before),
                *([UNUSUAL] if unusual else []),
            ],
        },
    )


def _layers(before: ByPeriod, drawn: str, *, has_unusual: bool) -> list[Spec]:
    """Return the layers of the chart: recent periods shaded, earlier ones in grey, the figure `drawn`, unusual ones."""
    return [
        SHADE,
        *(
            [_grey(before) | {"encoding": {"y": _axis_of(f"before_{drawn}"), "description": {"value": ""}}}]
            if before
            else []
        ),
        {
            "mark": {
                "type": "area",
                "color": ACCENT,
                "line": {"color": ACCENT, "aria": False},
                "fillOpacity": 0.15,
                "aria": False,
            },
            # a field in the description would cut the area into periods
            "encoding": {"y": _axis_of(drawn), "description": {"value": ""}},
        },
        {
            "mark": {"type": "point", "color": ACCENT, "size": 50, "opacity": 1},
            "encoding": {
                "y": _axis_of(drawn),
                "fill": {"condition": {"test": "datum.is_partial", "value": "#fff"}, "value": ACCENT},
            },
        },
        *([MARK_OF_UNUSUAL] if has_unusual else []),
    ]


_MEASURES = {
    "charge_amount": MEASURES["charge_amount"],
    "claim_count": MEASURES["charged_claim_count"],
    "average_charge_amount": MEASURES["average_charge_amount"],
    "charge_pmpm": MEASURES["charge_pmpm"],
}
_NO_CLAIMS = {"charge_amount": 0.0, "claim_count": 0, "average_charge_amount": None, "charge_pmpm": None}
_PER_MEMBER = {"charge_amount": "", "charge_pmpm": " for each member and month"}
_COMPARED = {"charge_amount": "Compared with", "charge_pmpm": "PMPM compared with"}
_NO_MEMBERS = "; charges PMPM are known only by receipt and without a search for patients"
_GREY = "#8b93a1"


def _grey(before: ByPeriod) -> dict[str, Any]:
    """Return the mark of the charges that are compared with; one period alone has no line, but a point."""
    mark = {"type": "line", "color": _GREY, "strokeDash": [5, 4], "aria": False, "tooltip": None}
    return {"mark": mark | ({"point": {"color": _GREY, "size": 50}} if len(before) == 1 else {})}


def _axis_of(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}}


def _dollars(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "format": "$,.2f"}


def _has_members(filters: Filters) -> bool:
    """Return whether charges can be divided by members: a search chooses persons, and members are known by receipt."""
    return filters.basis == "received" and not filters.patient


def _by_period(view: View, filters: Filters, period: str, buckets: Sequence[Bucket]) -> tuple[ByPeriod, str]:
    """Return the figures of each period that has claims or members, by its first day, and their SQL.

    Args:
        view: the build.
        filters: the claims.
        period: SQL for the first day of the period of a claim.
        buckets: the days of each period, for its members.
    """
    joined = members_by_bucket(filters, buckets, period) if buckets and _has_members(filters) else NOT_JOINED
    columns = ",\n    ".join(
        f"{'null' if measure.is_per_member and joined == NOT_JOINED else measure.of_totals(filters.charged)} as {name}"
        for name, measure in _MEASURES.items()
    )
    rows, sql = rows_by_period(view, filters, period, columns, joined)
    charged = {row.pop("period"): {name: plain_number(value) for name, value in row.items()} for row in rows}
    has_members = values_with_members(view, joined) if joined != NOT_JOINED else set()
    return {begin: _NO_CLAIMS | {"charge_pmpm": 0.0} for begin in has_members} | charged, sql


def _buckets(view: View, filters: Filters, shown: Sequence[Period]) -> list[Bucket]:
    """Return the days of each period that the lake and the filters let in."""
    first, last = days_chosen(view, filters)
    return [Bucket(one.first, max(one.first, first), min(one.last, last)) for one in shown]


def _before(view: View, filters: Filters, shown: Sequence[Period]) -> tuple[ByPeriod, str, str]:
    """Return the figures that each period is compared with, what is said of them, and their SQL.

    A period whose earlier days the lake has not, or only in part, is not among them.
    """
    days, said = days_compared(view, filters, shown)
    earlier = days and earlier_periods(shown, days)
    if not earlier:
        return {}, said, ""
    buckets = [one for one in earlier.buckets if one.first >= view.built_from.first_day]
    if not buckets:
        return {}, f"; the lake has no whole {shown[0].grain} of the days before to compare with", ""
    within = filters.within(buckets[0].first, buckets[-1].last)
    by_period, sql = _by_period(view, within, earlier.period, buckets)
    return {one.start: by_period.get(one.start, _NO_CLAIMS) for one in buckets}, said, sql


def _description(period: Period, figures: dict[str, Any]) -> str:
    pmpm = figures["charge_pmpm"]
    said = f", ${pmpm:,.2f} PMPM" if pmpm is not None else ""
    return f"{period.name}: ${figures['charge_amount']:,.2f}, {figures['claim_count']:,} claims{said}"
