"""Write the charts' specifications of the example lake: `python -m claims_pipeline_tests.dashboard.specifications`.

They are in `specifications/`, one file a chart, so that a review shows what changes in a chart.
"""

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts import CHARTS, Chart, ChartQuery, Spec
from claims_pipeline.dashboard.charts.patient_timeline import patient_timeline
from claims_pipeline_tests.aggregate.example_lake import BEN, write_example_lake

FOLDER = Path(__file__).with_name("specifications")


def _as_on_the_page(chart: Chart) -> Callable[[View], Spec]:
    return lambda view: chart.draw(view, ChartQuery())


DRAWN: dict[str, Callable[[View], Spec]] = {
    **{chart.name: _as_on_the_page(chart) for chart in CHARTS},
    "patient-timeline": partial(patient_timeline, patient_id=BEN),
}
"""Each drawing of the dashboard, by the name of its file."""


def file_of(name: str) -> Path:
    """Return where a drawing's specification is kept."""
    return FOLDER / f"{name}.json"


def specification(name: str, view: View) -> str:
    """Return a drawing's specification as its file has it."""
    return json.dumps(DRAWN[name](view), indent=1, default=str, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analytics.duckdb"
        aggregate.build(write_example_lake(Path(folder) / "lake"), path)
        view = View(path)
        for name in DRAWN:
            file_of(name).write_text(specification(name, view), encoding="utf-8")
