"""docs/dashboard.md and docs/figures.md name everything there is."""

from pathlib import Path

import httpx
import pytest

from claims_pipeline.dashboard.charts import CHARTS
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.figures_page import HTML, PAGE, as_html, with_current_tables

DOCS = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")


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


def test_the_meaning_of_each_figure_is_that_of_its_declaration() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_current_tables(page), "make docs"
    assert HTML.read_text(encoding="utf-8") == as_html(page), "make docs"


def test_the_error_shown_is_the_one_that_is_answered(client: httpx.Client) -> None:
    answer = client.get("/api/claims?status=denied", headers={"Host": "127.0.0.1:5000"}).text
    assert answer in DOCS
