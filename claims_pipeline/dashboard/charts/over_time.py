"""What the charts over time have in common: their periods, what is said of them, and what a click on one chooses."""

from collections.abc import Mapping, Sequence
from datetime import date

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.periods import GAP, Period, grain_of, periods, range_shown
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import Grain
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


def rows_by_period(view: View, filters: Filters, columns: str) -> tuple[list[Period], Rows, str]:
    """Return the periods to show, `columns` by the first day (`period`) of each that has claims, and their SQL."""
    span = range_shown(view, filters)
    if span is None:
        return [], [], ""
    sql = (
        f"select date_trunc('{grain_of(*span)}', {filters.day})::date as period,\n    {columns}\n"
        f"from {filters.claims_by_day}\n{filters.where}\ngroup by all order by all"
    )
    rows = view.select_remembered(sql, *filters.parameters)
    return periods(view, filters, *span), rows, shown_sql(sql, filters.parameters)


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
