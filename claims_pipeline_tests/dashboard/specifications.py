"""Write the charts' specifications of two small lakes: `python -m claims_pipeline_tests.dashboard.specifications`.

They are in `specifications/`, so that a review shows what changes in a chart: one file a chart as the page first draws
it, of the example lake, and one for each choice that changes more than its rows, of a lake of two winters.
"""

import json
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts import CHARTS, ChartQuery, Spec
from claims_pipeline.dashboard.charts.patient_timeline import patient_timeline
from claims_pipeline_tests.aggregate.example_lake import BEN, write_example_lake
from claims_pipeline_tests.dashboard.lake_of_charges import view_of_charges

FOLDER = Path(__file__).with_name("specifications")

TWO_WINTERS = {
    date(2024, 1, 10): "100.00",
    date(2024, 2, 5): "300.00",
    date(2024, 12, 20): "150.00",
    date(2025, 2, 3): "200.50",
    date(2025, 2, 10): "80.00",
}


def _drawn(name: str, **choices: Any) -> Callable[[View], Spec]:
    chart = next(chart for chart in CHARTS if chart.name == name)
    return lambda view: chart.draw(view, ChartQuery(**choices))


DRAWN: dict[str, Callable[[View], Spec]] = {
    **{chart.name: _drawn(chart.name) for chart in CHARTS},
    "patient-timeline": partial(patient_timeline, patient_id=BEN),
}
"""Each drawing of the dashboard, by the name of its file."""

CHOSEN: dict[str, Callable[[View], Spec]] = {
    "cost-trend-of-days": _drawn("cost-trend", received_from=date(2025, 2, 3), received_to=date(2025, 2, 6)),
    "cost-trend-of-members-and-months": _drawn("cost-trend", trend="charge_pmpm", compare="year"),
    "cost-trend-of-service": _drawn("cost-trend", trend="charge_pmpm", basis="service", status=["active"]),
    "claims-timeline-of-weeks-of-service": _drawn(
        "claims-timeline", basis="service", status=["active"], received_from=date(2024, 12, 1)
    ),
    "geography-of-a-person": _drawn("geography", patient="brown"),
}
"""Drawings of choices that change more than the rows, by the name of their file."""


def file_of(name: str) -> Path:
    """Return where a drawing's specification is kept."""
    return FOLDER / f"{name}.json"


def specification(drawn: Spec) -> str:
    """Return a drawing's specification as its file has it."""
    return json.dumps(drawn, indent=1, default=str, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "analytics.duckdb"
        aggregate.build(write_example_lake(Path(folder) / "lake"), path)
        winters = view_of_charges(Path(folder) / "winters", TWO_WINTERS)
        for view, drawings in ((View(path), DRAWN), (winters, CHOSEN)):
            for name, draw in drawings.items():
                file_of(name).write_text(specification(draw(view)), encoding="utf-8")
