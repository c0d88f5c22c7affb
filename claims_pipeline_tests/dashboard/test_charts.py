import html
import re
from typing import Any

import httpx
import pytest
import vl_convert

from claims_pipeline.dashboard.charts import CHARTS, Chart
from claims_pipeline.dashboard.charts.geography import GRID

every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def spec(client: httpx.Client, name: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/charts/{name}?{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def values(client: httpx.Client, name: str, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec(client, name, query)["data"]["values"]
    return rows


def test_the_charts_that_the_page_promises_are_there() -> None:
    assert [chart.name for chart in CHARTS] == [
        "claims-by-month",
        "status",
        "cost-trend",
        "gender",
        "top-procedures",
        "geography",
    ]


@every_chart
@pytest.mark.parametrize("query", ["", "status=draft", "patient=ana", "received_from=2025-02-01", "patient=nobody"])
def test_a_chart_is_a_specification_that_vega_draws(client: httpx.Client, chart: Chart, query: str) -> None:
    svg = vl_convert.vegalite_to_svg(spec(client, chart.name, query) | {"width": 400})
    assert svg.startswith("<svg")
    assert chart.title.split()[0] in svg


@every_chart
def test_a_chart_says_what_its_marks_mean_to_a_screen_reader(client: httpx.Client, chart: Chart) -> None:
    specification = spec(client, chart.name) | {"width": 400}
    svg = html.unescape(vl_convert.vegalite_to_svg(specification))
    for row in specification["data"]["values"]:
        assert row["description"] in svg


@every_chart
def test_the_columns_of_a_charts_figures_are_in_its_rows(client: httpx.Client, chart: Chart) -> None:
    specification = spec(client, chart.name)
    for column in specification["encoding"]["tooltip"]:
        assert all(column["field"] in row for row in specification["data"]["values"])


@every_chart
def test_a_chart_says_which_claims_it_counts_and_charges(client: httpx.Client, chart: Chart) -> None:
    assert re.search("claims of every status|active claims", spec(client, chart.name)["title"]["subtitle"])
    assert (
        "cancelled and draft claims" in spec(client, chart.name, "status=cancelled&status=draft")["title"]["subtitle"]
    )


def columns(rows: list[dict[str, Any]], *names: str) -> list[list[Any]]:
    return [[row[name] for name in names] for row in rows]


def test_months_are_counted_by_status(client: httpx.Client) -> None:
    assert columns(values(client, "claims-by-month"), "month", "claim_status", "claim_count") == [
        ["2025-01-01", "active", 2],
        ["2025-01-01", "cancelled", 1],
        ["2025-01-01", "draft", 0],
        ["2025-02-01", "active", 1],
        ["2025-02-01", "cancelled", 0],
        ["2025-02-01", "draft", 1],
    ]


def test_a_month_that_is_not_complete_says_so(client: httpx.Client) -> None:
    """The lake holds January 10 to February 3."""
    for name in ("claims-by-month", "cost-trend"):
        rows = values(client, name, "status=active")
        assert columns(rows, "days", "is_partial") == [["22 of 31", True], ["3 of 28", True]]
        assert rows[0]["description"].startswith("January 2025 (22 of 31 days): ")
        assert " where a month is not complete" in spec(client, name)["title"]["subtitle"]
    only_a_week = values(client, "cost-trend", "received_from=2025-01-05&received_to=2025-01-11")
    assert columns(only_a_week, "days") == [["2 of 31"]]


def test_the_cost_trend_charges_active_claims_unless_a_status_is_chosen(client: httpx.Client) -> None:
    def charges(query: str) -> list[list[Any]]:
        rows = values(client, "cost-trend", query)
        return columns(rows, "month", "charge_amount", "claim_count", "average_charge_amount")

    assert charges("") == [["2025-01-01", 350.0, 2, 175.0], ["2025-02-01", 150.5, 1, 150.5]]
    assert charges("status=draft") == [["2025-02-01", 140.0, 1, 140.0]]
    assert charges("patient=cleo") == [["2025-02-01", 0.0, 0, None]]


def test_procedures_are_ordered_by_their_lines(client: httpx.Client) -> None:
    assert [
        (row["hcpcs_code"], row["line_count"], row["charge_amount"]) for row in values(client, "top-procedures")
    ] == [
        ("99213", 4, 280.0),
        ("85025", 2, 20.5),
        ("99214", 1, 200.0),
    ]


def test_shares_add_up_to_one(client: httpx.Client) -> None:
    for name in ("status", "gender"):
        assert sum(row["share_ratio"] for row in values(client, name)) == pytest.approx(1)
    assert [(row["label"], row["claim_count"]) for row in values(client, "gender")] == [("Female", 3), ("Male", 2)]


def test_the_map_always_has_every_state_once(client: httpx.Client) -> None:
    assert len(GRID) == len(set(GRID.values())) == 51
    for query in ("", "patient=ben", "patient=nobody"):
        assert [row["state"] for row in values(client, "geography", query)] == list(GRID)
    counts = {row["state"]: row["claim_count"] for row in values(client, "geography") if row["claim_count"]}
    assert counts == {"TX": 3, "CA": 2}


@every_chart
def test_the_charts_of_some_patients_are_counted_as_those_of_all(client: httpx.Client, chart: Chart) -> None:
    """Those of all come from counts by day, those of some from the claims."""
    everyone_seen_by_then = "patient=n"  # Ana and Ben
    assert spec(client, chart.name, f"received_to=2025-01-11&{everyone_seen_by_then}") == spec(
        client, chart.name, "received_to=2025-01-11"
    )
