"""Write the charts' specifications of the example lake: `python -m claims_pipeline_tests.dashboard.specifications`.

They are in `specifications/`, one file a chart, so that a review shows what changes in a chart.
"""

import json
import tempfile
from pathlib import Path

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts import CHARTS, Chart, ChartQuery
from claims_pipeline_tests.aggregate.example_lake import write_example_lake

FOLDER = Path(__file__).with_name("specifications")


def file_of(chart: Chart) -> Path:
    """Return where a chart's specification is kept."""
    return FOLDER / f"{chart.name}.json"


def specification(chart: Chart, view: View) -> str:
    """Return a chart's specification as its file has it."""
    return json.dumps(chart.draw(view, ChartQuery()), indent=1, default=str, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analytics.duckdb"
        aggregate.build(write_example_lake(Path(folder) / "lake"), path)
        view = View(path)
        for chart in CHARTS:
            file_of(chart).write_text(specification(chart, view), encoding="utf-8")
