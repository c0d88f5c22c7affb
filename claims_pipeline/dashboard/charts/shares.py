"""Charts of what the claims consist of."""

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.registry import (
    ACCENT,
    BY_PLACE,
    STATUS_COLORS,
    Spec,
    chart,
    counted,
    specification,
)
from claims_pipeline.dashboard.comparison import changing_from
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.grains import name_of
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.members import days_chosen
from claims_pipeline.dashboard.shown_sql import shown_sql

STATUSES = {status: status.capitalize() for status in STATUS_COLORS}
GENDERS = {"female": "Female", "male": "Male", "unknown": "Unknown"}


@chart(title="Status", place=2, width="third", plot_height=204)
def status(view: View, filters: Filters) -> Spec:
    """Claims by their current status."""
    colors = {"domain": list(STATUSES.values()), "range": list(STATUS_COLORS.values())}
    return _shares(
        view,
        filters,
        column="claim_status",
        dimension="status",
        title="Status",
        labels=STATUSES,
        note=_recent(view, filters),
        color={"field": "label", "type": "nominal", "scale": colors, "legend": None},
    )


def _recent(view: View, filters: Filters) -> str:
    """Return which of the claims may still get another status, for the subtitle; empty where none may."""
    first, (_, last) = changing_from(view), days_chosen(view, filters)
    return f"; the status of those received since {name_of('day', first)} may still change" if first <= last else ""


@chart(title="Gender", place=4, width="third", plot_height=204)
def gender(view: View, filters: Filters) -> Spec:
    """Claims by the gender of the patient."""
    return _shares(
        view,
        filters,
        column="gender",
        dimension="gender",
        title="Gender of the patient",
        labels=GENDERS,
        color={"value": ACCENT},
    )


def _shares(
    view: View,
    filters: Filters,
    *,
    column: str,
    dimension: str,
    title: str,
    labels: dict[str, str],
    color: dict[str, object],
    note: str = "",
) -> Spec:
    sql = (
        f"select {column} as category, {MEASURES['claim_count'].of_totals(filters.charged)} as claim_count,\n"
        f"    sum(claim_count) / sum(sum(claim_count)) over () as share_ratio\n"
        f"from {filters.claims_by_day}\n{filters.where}\ngroup by all"
    )
    rows = view.select_remembered(sql, *filters.parameters)
    position = {
        "field": "label",
        "type": "nominal",
        "sort": BY_PLACE,
        "axis": {"title": None, "ticks": False, "domain": False, "labelPadding": 8},
    }
    return specification(
        title,
        f"Number and share of {counted(filters)}{note}",
        _bars(rows, labels),
        sql=shown_sql(sql, filters.parameters),
        chooses=(dimension, "category"),
        height=68 * max(len(rows), 1),  # a height by steps makes Vega-Lite warn on the console
        encoding={
            "y": position,
            "tooltip": [
                {"field": "label", "title": title},
                {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
                {"field": "share_ratio", "type": "quantitative", "title": "Share", "format": ".1%"},
            ],
        },
        layer=[
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "height": 22, "yOffset": 8},
                "encoding": {
                    "x": {"field": "claim_count", "type": "quantitative", "axis": None, "scale": {"nice": False}},
                    "color": color,
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dy": -14, "fontSize": 13, "aria": False},
                "encoding": {"x": {"value": 0}, "text": {"field": "text"}},
            },
        ],
    )


def _bars(rows: Rows, labels: dict[str, str]) -> Rows:
    found = {row["category"]: row for row in rows}
    return [
        {
            "place": place,
            "category": category,
            "label": label,
            "claim_count": (count := found[category]["claim_count"]),
            "share_ratio": (share := found[category]["share_ratio"]),
            "text": f"{count:,} ({share:.1%})",
            "description": f"{label}: {count:,} claims, {share:.1%}",
        }
        for place, (category, label) in enumerate(labels.items())
        if category in found
    ]
