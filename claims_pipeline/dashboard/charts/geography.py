"""Charts of where patients live."""

from collections.abc import Collection, Mapping
from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.registry import Spec, charged, chart, counted, specification, whole_ticks
from claims_pipeline.dashboard.dimensions import DIMENSIONS
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.members import members, values_with_members
from claims_pipeline.dashboard.shown_sql import shown_sql

TILES = (
    "AK                            ME",
    "                           VT NH",
    "WA ID MT ND MN IL WI MI NY RI MA",
    "OR NV WY SD IA IN OH PA NJ CT   ",
    "CA UT CO NE MO KY WV VA MD DE   ",
    "   AZ NM KS AR TN NC SC DC      ",
    "         OK LA MS AL GA         ",
    "HI       TX             FL      ",
)
"""One equal tile a state, near where it lies: small states are as readable as large ones."""

COLUMNS = 11

RAMP = ["rgba(47, 116, 208, 0.12)", "rgba(47, 116, 208, 0.75)"]
"""From the page's own colour towards ACCENT, so that few claims are pale on a light page and dim on a dark one.

It ends at 75%: the page's text has a contrast of at least 4.5 to 1 on every tile, light and dark (WCAG 1.4.3)."""

GRID = {
    line[column : column + 2]: (column // 3, row)
    for row, line in enumerate(TILES)
    for column in range(0, len(line), 3)
    if line[column : column + 2].strip()
}


@chart(title="Geography", place=6, width="half", plot_height=346)
def geography(view: View, filters: Filters) -> Spec:
    """Charges PMPM by the patient's state; the figures have the claims."""
    joined = members(view, filters, DIMENSIONS["patient_state"])
    figures = ",\n    ".join(f"{MEASURES[name].of_totals(filters.charged)} as {name}" for name in FIGURES)
    sql = (
        f"{joined.with_clause}\nselect patient_state,\n    {figures}\n"
        f"from {filters.claims_by_day} {joined.join}\n{filters.where}\ngroup by all"
    )
    parameters = [*joined.parameters, *filters.parameters]
    rows = view.select_remembered(sql, *parameters)
    found = {row["patient_state"]: row for row in rows}
    is_per_member = not filters.patient  # a search chooses persons, not members
    shown = "charge_pmpm" if is_per_member else "claim_count"
    values = _tiles(found, values_with_members(view, joined))
    most = max(value[shown] or 0 for value in values)
    elsewhere = sum(row["claim_count"] for state, row in found.items() if state not in GRID)
    outside = f"; {elsewhere:,} claims outside the states" if elsewhere else ""
    what = f"For each member and month, {charged(filters)}," if is_per_member else f"Number of {counted(filters)}"
    rest = f"; the figures have {counted(filters)}" if is_per_member else f"; the figures have {charged(filters)}"
    return specification(
        "Geography",
        f"{what} by the patient's state{outside}{rest}",
        values,
        sql=shown_sql(sql, parameters),
        chooses=("patient_state", "state"),
        height=300,
        encoding={
            "x": _position("column", COLUMNS),
            "y": _position("row", len(TILES)),
            "tooltip": _TOOLTIP,
        },
        layer=[
            {
                "mark": {"type": "rect", "cornerRadius": 3, "invalid": "show"},
                "encoding": {"color": _color(shown, most)},
            },
            _NAMES,
        ],
    )


FIGURES = ("claim_count", "charge_amount", "charge_pmpm", "claims_per_1000")
_TOOLTIP = [
    {"field": "state", "title": "State"},
    {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
    {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
    {"field": "charge_pmpm", "type": "quantitative", "title": "PMPM", "format": "$,.2f"},
    {"field": "claims_per_1000", "type": "quantitative", "title": "Claims per 1,000", "format": ",.1f"},
]
_NAMES = {
    "mark": {"type": "text", "fontSize": 11, "fontWeight": 600, "aria": False},
    "encoding": {"text": {"field": "state"}},
}


def _color(shown: str, most: float) -> dict[str, Any]:
    """Return the encoding of a tile's colour by the figure `shown`, whose largest value is `most`; grey without one."""
    legend = {"title": None, "orient": "bottom", "gradientLength": 160}
    of_figure = {"format": "$,.0f"} if shown == "charge_pmpm" else {"format": ",d"} | whole_ticks(int(most))
    return {
        "condition": {"test": f"!datum.{shown}", "value": "#8b93a12e"},
        "field": shown,
        "type": "quantitative",
        "scale": {"range": RAMP, "domainMin": 0, "domainMax": most or 1},
        "legend": legend | of_figure,
    }


def _tiles(found: Mapping[str, dict[str, Any]], has_members: Collection[str]) -> Rows:
    """Return a row for each tile from the figures of the states that have claims, and those that have members."""
    return [
        {"state": state, "column": column, "row": row}
        | _figures(state, found.get(state) or _without_claims(has_members=state in has_members))
        for state, (column, row) in GRID.items()
    ]


def _without_claims(*, has_members: bool) -> dict[str, Any]:
    nothing = 0.0 if has_members else None
    return {"claim_count": 0, "charge_amount": 0, "charge_pmpm": nothing, "claims_per_1000": nothing}


def _figures(state: str, found: dict[str, Any]) -> dict[str, Any]:
    count, amount, pmpm = found["claim_count"], float(found["charge_amount"]), found["charge_pmpm"]
    said = f", ${pmpm:,.2f} PMPM" if pmpm is not None else ""
    return {
        "claim_count": count,
        "charge_amount": amount,
        "charge_pmpm": pmpm,
        "claims_per_1000": found["claims_per_1000"],
        "description": f"{state}: {count:,} claims, ${amount:,.2f}{said}",
    }


def _position(field: str, tile_count: int) -> dict[str, Any]:
    """Return the encoding of a tile's place; the domain is fixed, so one state alone does not fill the card."""
    return {
        "field": field,
        "type": "ordinal",
        "axis": None,
        "scale": {"domain": list(range(tile_count)), "paddingInner": 0.08},
    }
