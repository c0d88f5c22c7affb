"""A picture of the last days for the page of an aggregate in Dagster's UI."""

import base64
from pathlib import Path

import duckdb

from claims_pipeline.aggregate.built_from import attach_read_only

CHARTED_MODEL = "claims_by_day"

_COUNTS = """
select received_date::varchar as day, claim_status as status, sum(claim_count)::integer as claims
from claims_by_day
where received_date > (select max(received_date) from claims_by_day) - 60
group by all order by all
"""


def day_chart(analytics_path: Path) -> str:
    """Return Markdown with a picture of the claims received on each of the last days, by status."""
    import vl_convert  # 20 MB, needed by runs of the aggregates only

    with duckdb.connect() as connection:
        attach_read_only(connection, analytics_path)
        rows = connection.execute(_COUNTS).fetchall()
    if not rows:
        return "no claims yet"
    specification = {
        "width": 400,
        "height": 120,
        "data": {"values": [{"day": day, "status": status, "claims": claims} for day, status, claims in rows]},
        "mark": "bar",
        "encoding": {
            "x": {"field": "day", "type": "temporal", "title": None},
            "y": {"field": "claims", "type": "quantitative", "title": "claims received"},
            "color": {"field": "status", "type": "nominal", "title": None},
        },
    }
    picture = base64.b64encode(vl_convert.vegalite_to_png(specification, ppi=50)).decode()
    return f"![claims received on the last 60 days by status](data:image/png;base64,{picture})"
