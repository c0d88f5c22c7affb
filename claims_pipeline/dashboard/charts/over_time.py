"""What the charts over time have in common: their periods, what is said of them, and what a click on one chooses."""

from collections.abc import Mapping, Sequence
from datetime import date

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.periods import GAP, Period, periods, range_shown
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain
from claims_pipeline.dashboard.members import NOT_JOINED, Members
from claims_pipeline.dashboard.shown_sql import shown_sql

BASIS = {"received": "receipt", "service": "service"}
"""The day that the periods are of, in words."""

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


def periods_shown(view: View, filters: Filters) -> tuple[list[Period], Grain]:
    """Return the periods that a chart over time shows and what they are; none, of months, if no claim matches."""
    span = range_shown(view, filters)
    shown = periods(view, filters, *span) if span else []
    return shown, shown[0].grain if shown else "month"


def rows_by_period(
    view: View, filters: Filters, period: str, columns: str, joined: Members = NOT_JOINED
) -> tuple[Rows, str]:
    """Return `columns` by `period`, SQL for the first day of the period of a claim, and their SQL."""
    sql = (
        f"{joined.with_clause}\nselect {period} as period,\n    {columns}\n"
        f"from {filters.claims_by_day} {joined.join}\n{filters.where}\ngroup by all order by all"
    )
    parameters = [*joined.parameters, *filters.parameters]
    return view.select_remembered(sql, *parameters), shown_sql(sql, parameters)


def period_of(filters: Filters, grain: Grain) -> str:
    """Return SQL for the first day of the period that a claim is in."""
    return f"date_trunc('{grain}', {filters.day})::date"


def chooses(filters: Filters, grain: Grain) -> tuple[str, str] | None:
    """Return what a click on a period chooses: its days of receipt; days of service are no filter."""
    return (grain, "period") if filters.basis == "received" else None


def notes(shown: Sequence[Period], unusual: Mapping[date, str], *, partial: str) -> str:
    """Return what the reader has to know about single periods, for the subtitle."""
    said = []
    if any(period.shown_day_count < period.day_count for period in shown):
        said.append(f"{partial} where a {shown[0].grain} is not complete")
    if any(period.is_changing for period in shown):
        said.append("shaded where figures may still change")
    if unusual:
        holidays = " and no holiday explains it" if shown[0].grain == "month" else ""
        said.append(f"marked where far more or less than usual was received{holidays}")
    return "".join(f"; {note}" for note in said)
