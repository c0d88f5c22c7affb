"""Charts of where care took place."""

from typing import Any

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.registry import Spec, charged, chart, counted, specification, whole_ticks
from claims_pipeline.dashboard.filters import Filters

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
    """Claims by state of the site of care."""
    rows = view.select_remembered(
        f"select facility_state, sum(claim_count)::bigint as claim_count, {filters.charges} as charge_amount "
        f"from {filters.claims_by_day} {filters.where} group by all",
        *filters.parameters,
    )
    found = {row["facility_state"]: (row["claim_count"], float(row["charge_amount"])) for row in rows}
    most = max((count for count, _ in found.values()), default=0)
    elsewhere = sum(count for state, (count, _) in found.items() if state not in GRID)
    outside = f"; {elsewhere:,} outside the states" if elsewhere else ""
    return specification(
        "Geography",
        f"Number of {counted(filters)} by state of the site of care{outside}; the figures have {charged(filters)}",
        _tiles(found),
        height=300,
        encoding={
            "x": _position("column", COLUMNS),
            "y": _position("row", len(TILES)),
            "tooltip": [
                {"field": "state", "title": "State"},
                {"field": "claim_count", "type": "quantitative", "title": "Claims", "format": ",d"},
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
            ],
        },
        layer=[
            {
                "mark": {"type": "rect", "cornerRadius": 3},
                "encoding": {
                    "color": {
                        "condition": {"test": "datum.claim_count === 0", "value": "#8b93a12e"},
                        "field": "claim_count",
                        "type": "quantitative",
                        "scale": {"range": RAMP, "domainMin": 0, "domainMax": max(most, 1)},
                        "legend": {
                            "title": None,
                            "orient": "bottom",
                            "format": ",d",
                            "gradientLength": 160,
                        }
                        | whole_ticks(most),
                    }
                },
            },
            {
                "mark": {"type": "text", "fontSize": 11, "fontWeight": 600, "aria": False},
                "encoding": {"text": {"field": "state"}},
            },
        ],
    )


def _tiles(found: dict[str, tuple[int, float]]) -> Rows:
    """Return a row for each tile from the claims and charges of the states that have some."""
    return [
        {
            "state": state,
            "column": column,
            "row": row,
            "claim_count": count,
            "charge_amount": amount,
            "description": f"{state}: {count:,} claims, ${amount:,.2f}",
        }
        for state, (column, row) in GRID.items()
        for count, amount in [found.get(state, (0, 0.0))]
    ]


def _position(field: str, tile_count: int) -> dict[str, Any]:
    """Return the encoding of a tile's place; the domain is fixed, so one state alone does not fill the card."""
    return {
        "field": field,
        "type": "ordinal",
        "axis": None,
        "scale": {"domain": list(range(tile_count)), "paddingInner": 0.08},
    }
