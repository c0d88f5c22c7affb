"""Charts of what was done."""

from claims_pipeline.dashboard.analytics import Rows, View
from claims_pipeline.dashboard.charts.registry import ACCENT, BY_PLACE, Spec, charged, chart, counted, specification
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import MEASURES
from claims_pipeline.dashboard.shown_sql import shown_sql
from claims_pipeline.reference import procedure_labels

TOP = 10


@chart(title="Top procedures", place=5, width="half", plot_height=346)
def top_procedures(view: View, filters: Filters) -> Spec:
    """The ten procedures with the most service lines, and their charges."""
    lines, charges = (MEASURES[name].of_totals(filters.charged) for name in ("line_count", "charge_amount"))
    sql = (
        f"select hcpcs_code, {lines} as line_count, {charges} as charge_amount\n"
        f"from {filters.procedures_by_day}\n{filters.where_of_lines}\n"
        f"group by all order by line_count desc, hcpcs_code limit {TOP}"
    )
    rows = view.select_remembered(sql, *filters.parameters)
    return specification(
        "Top procedures",
        f"Service lines of {counted(filters)}; the figures have {charged(filters)}",
        _bars(rows, procedure_labels()),
        sql=shown_sql(sql, filters.parameters),
        chooses=("procedure", "hcpcs_code"),
        height=34 * max(len(rows), 1),  # a height by steps makes Vega-Lite warn on the console
        encoding={
            "y": {"field": "hcpcs_code", "type": "nominal", "sort": BY_PLACE, "axis": None},
            "tooltip": [
                {"field": "hcpcs_code", "title": "Procedure"},
                {"field": "label", "title": "Label"},
                {"field": "line_count", "type": "quantitative", "title": "Service lines", "format": ",d"},
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
            ],
        },
        layer=[
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 3, "color": ACCENT, "height": 8, "yOffset": 9},
                "encoding": {
                    "x": {"field": "line_count", "type": "quantitative", "axis": None, "scale": {"nice": False}}
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dy": -5, "limit": {"expr": "width"}, "aria": False},
                "encoding": {"x": {"value": 0}, "text": {"field": "text"}},
            },
        ],
    )


def _bars(rows: Rows, labels: dict[str, str]) -> Rows:
    return [
        {
            "place": place,
            "hcpcs_code": (code := row["hcpcs_code"]),
            "label": (label := labels.get(code, "")),
            "line_count": (count := row["line_count"]),
            "charge_amount": (amount := float(row["charge_amount"])),
            "text": f"{count:,} · {code} {label}",
            "description": f"{code} {label}: {count:,} service lines, ${amount:,.2f}",
        }
        for place, row in enumerate(rows)
    ]
