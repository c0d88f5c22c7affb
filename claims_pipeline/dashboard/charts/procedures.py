"""Charts of what was done."""

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.registry import ACCENT, Spec, charged, chart, counted, specification
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.reference import procedure_labels

TOP = 10


@chart(title="Top procedures", width="half")
def top_procedures(view: View, filters: Filters) -> Spec:
    """The ten procedures with the most service lines, and their charges."""
    rows = view.select_remembered(
        f"""
        select hcpcs_code, sum(line_count)::bigint as line_count, {filters.charges} as charge_amount
        from {filters.procedures_by_day} {filters.where}
        group by all order by line_count desc, hcpcs_code limit {TOP}
        """,
        *filters.parameters,
    )
    labels = procedure_labels()
    values = [
        {
            "hcpcs_code": row["hcpcs_code"],
            "label": f"{row['hcpcs_code']}  {labels.get(row['hcpcs_code'], '')}".rstrip(),
            "line_count": row["line_count"],
            "charge_amount": float(row["charge_amount"]),
        }
        for row in rows
    ]
    return specification(
        "Top procedures",
        f"Service lines of {counted(filters)}; {charged(filters)} on hover",
        values,
        height={"step": 30},
        encoding={
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "axis": {"title": None, "ticks": False, "domain": False, "labelLimit": 230, "labelPadding": 6},
            },
            "x": {"field": "line_count", "type": "quantitative", "axis": None},
            "tooltip": [
                {"field": "label", "title": "Procedure"},
                {"field": "line_count", "type": "quantitative", "title": "Service lines", "format": ",d"},
                {"field": "charge_amount", "type": "quantitative", "title": "Charges", "format": "$,.2f"},
            ],
        },
        layer=[
            {"mark": {"type": "bar", "cornerRadiusEnd": 3, "color": ACCENT, "height": {"band": 0.66}}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "aria": False},
                "encoding": {"text": {"field": "line_count", "type": "quantitative", "format": ",d"}},
            },
        ],
    )
