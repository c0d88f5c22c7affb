"""docs/dashboard.md names everything there is."""

from pathlib import Path

import httpx
import pytest

from claims_pipeline.aggregate import MODELS, Model
from claims_pipeline.dashboard.charts import CHARTS
from claims_pipeline.dashboard.dimensions import DIMENSIONS, Dimension
from claims_pipeline.dashboard.measures import MEASURES, Measure
from claims_pipeline.settings import Settings

DOCS = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_is_described(model: Model) -> None:
    assert f"| `{model.name}` | " in DOCS


@pytest.mark.parametrize("setting", [name for name in Settings.model_fields if name.startswith("dashboard_")])
def test_every_setting_is_described(setting: str) -> None:
    assert f"| `CLAIMS_{setting.upper()}` | " in DOCS


def test_every_chart_is_named() -> None:
    sentence = DOCS.partition("**Charts**:")[2].partition('"Figures"')[0]
    for chart in CHARTS:
        assert chart.name.replace("-", " ") in sentence


def test_every_route_is_described(client: httpx.Client) -> None:
    for route in client.get("/openapi.json").json()["paths"]:
        assert f"`{route}" in DOCS or route.startswith(("/api/charts/", "/api/stats/by-"))


@pytest.mark.parametrize("dimension", DIMENSIONS.values(), ids=lambda one: one.name)
def test_every_dimension_is_described(dimension: Dimension) -> None:
    assert f"| `{dimension.name}` | {dimension.meaning} |" in DOCS


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda one: one.name)
def test_every_measure_is_described(measure: Measure) -> None:
    assert f"| `{measure.name}` | {measure.unit} | {measure.meaning} |" in DOCS


def test_the_error_shown_is_the_one_that_is_answered(client: httpx.Client) -> None:
    answer = client.get("/api/claims?status=denied", headers={"Host": "127.0.0.1:5000"}).text
    assert answer in DOCS
