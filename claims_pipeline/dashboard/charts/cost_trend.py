"""Charges over time: by day, week or month of receipt or of service."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from claims_pipeline.dashboard.analytics import View
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
from claims_pipeline.dashboard.comparison import comparison, days_before
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain, calendar
from claims_pipeline.dashboard.measures import plain_number
from claims_pipeline.dashboard.members import (
    NOT_JOINED,
    Bucket,
    Members,
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
    by_period, sql = _by_period(view, filters, grain, [(one.first, one.last) for one in shown])
    before, said_of_before, sql_before = _before(view, filters, grain, shown)
    unusual = unusual_periods(view, filters, shown, "charges")
    is_per_member = _has_members(filters)
    drawn = filters.trend if is_per_member else "charge_amount"
    figures = ["charge_amount", *(["charge_pmpm"] if is_per_member else [])]
    values = [
        period.columns
        | {"is_first_of_period": True, "unusual": unusual.get(period.first, "")}
        | by_period.get(period.first, _NO_CLAIMS)
        | {f"before_{name}": _of(before, place, name) for name in figures if before}
        for place, period in enumerate(shown)
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
        layer=[
            SHADE,
            *(
                [_grey(shown, before) | {"encoding": {"y": _axis_of(f"before_{drawn}"), "description": {"value": ""}}}]
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
            *([MARK_OF_UNUSUAL] if unusual else []),
        ],
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


_NO_CLAIMS = {"charge_amount": 0.0, "claim_count": 0, "average_charge_amount": None, "charge_pmpm": None}
_PER_MEMBER = {"charge_amount": "", "charge_pmpm": " for each member and month"}
_COMPARED = {"charge_amount": "Compared with", "charge_pmpm": "PMPM compared with"}
_NO_MEMBERS = "; charges PMPM are known only by receipt and without a search for patients"
_GREY = "#8b93a1"


def _grey(shown: Sequence[Period], before: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mark of the charges that are compared with; one period alone has no line, but a point."""
    drawn_count = sum(map(bool, before[: len(shown)]))
    mark = {"type": "line", "color": _GREY, "strokeDash": [5, 4], "aria": False, "tooltip": None}
    return {"mark": mark | ({"point": {"color": _GREY, "size": 50}} if drawn_count == 1 else {})}


def _axis_of(field: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "axis": {"title": None, "format": "$,.3~s"}}


def _dollars(field: str, title: str) -> dict[str, Any]:
    return {"field": field, "type": "quantitative", "title": title, "format": "$,.2f"}


def _has_members(filters: Filters) -> bool:
    """Return whether charges can be divided by members: a search chooses persons, and members are known by receipt."""
    return filters.basis == "received" and not filters.patient


def _by_period(view: View, filters: Filters, grain: Grain, shown: Sequence[tuple[date, date]]) -> tuple[ByPeriod, str]:
    """Return the figures of each period that has claims or members, by its first day, and their SQL."""
    joined = _members(view, filters, grain, shown)
    pmpm = "null" if joined == NOT_JOINED else f"round({filters.charges}::double / any_value(member_months), 2)"
    columns = (
        f"{filters.charges} as charge_amount, {filters.charged_count} as claim_count,\n"
        f"    round({filters.charges}::double / nullif({filters.charged_count}, 0), 2) as average_charge_amount,\n"
        f"    {pmpm} as charge_pmpm"
    )
    rows, sql = rows_by_period(view, filters, grain, columns, joined)
    charged = {row.pop("period"): {name: plain_number(value) for name, value in row.items()} for row in rows}
    has_members = values_with_members(view, joined) if joined != NOT_JOINED else set()
    return {begin: _NO_CLAIMS | {"charge_pmpm": 0.0} for begin in has_members} | charged, sql


def _members(view: View, filters: Filters, grain: Grain, shown: Sequence[tuple[date, date]]) -> Members:
    if not shown or not _has_members(filters):
        return NOT_JOINED
    first, last = days_chosen(view, filters)
    buckets = [Bucket(begin, max(begin, first), min(end, last)) for begin, end in shown]
    return members_by_bucket(filters, buckets, period_of(filters, grain))


def _before(
    view: View, filters: Filters, grain: Grain, shown: Sequence[Period]
) -> tuple[list[dict[str, Any]], str, str]:
    """Return the figures of the periods that are compared with, in order, what is said of them, and their SQL.

    A period that the lake has not or only in part has no figures.
    """
    first, last, said = _days_before(view, filters, shown)
    if first > last:
        return [], said, ""
    lake_first = view.built_from.first_day
    periods = list(calendar(grain, first, last))
    by_period, sql = _by_period(view, filters.within(max(first, lake_first), last), grain, periods)
    figures = [by_period.get(begin, _NO_CLAIMS) if max(begin, first) >= lake_first else {} for begin, _ in periods]
    if not any(figures[: len(shown)]):
        return [], f"; the lake has no whole {grain} of the days before to compare with", ""
    return figures, said, sql


def _days_before(view: View, filters: Filters, shown: Sequence[Period]) -> tuple[date, date, str]:
    """Return the first and the last of the days that are compared with, and what is said of them.

    The first is later than the last where there are none. Chosen days are compared as on the cards. All days have none
    before them, but those of the year before, from the second year of the lake on.
    """
    if not shown:
        return *_NO_DAYS, ""
    if filters.basis != "received":
        return *_NO_DAYS, "; days of service are not compared with others"
    if filters.received_from or filters.received_to:
        compared = comparison(view, filters)
        if not compared.is_covered:
            return *_NO_DAYS, "; the lake has no days before to compare with"
        first = compared.before_first
        return first, compared.before_last, f"; grey: from {first:%b} {first.day}, {first.year}, for comparison"
    if filters.compare != "year":
        return *_NO_DAYS, "; choose days to see those before in grey"
    built_from = view.built_from
    first, last = days_before(
        max(shown[0].first, built_from.first_day), min(shown[-1].last, built_from.last_day), "year"
    )
    if last < built_from.first_day:
        return *_NO_DAYS, "; the lake has no year before to compare with"
    return first, last, "; grey: the year before"


_NO_DAYS = (date.max, date.min)


def _of(figures: Sequence[dict[str, Any]], place: int, name: str) -> float | None:
    """Return a figure of the period at a place, None where there is none."""
    return figures[place].get(name) if place < len(figures) else None


def _description(period: Period, figures: dict[str, Any]) -> str:
    pmpm = figures["charge_pmpm"]
    said = f", ${pmpm:,.2f} PMPM" if pmpm is not None else ""
    return f"{period.name}: ${figures['charge_amount']:,.2f}, {figures['claim_count']:,} claims{said}"
