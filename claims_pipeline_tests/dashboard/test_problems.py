"""Every error of every route has the same shape and says what to do."""

import re
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr

from claims_pipeline.dashboard import create_app
from claims_pipeline.dashboard.api import router
from claims_pipeline.dashboard.charts import CHARTS
from claims_pipeline.dashboard.turns import Turns
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.conftest import Start

CHART_ROUTES = [f"/api/charts/{chart.name}" for chart in CHARTS]
FILTERED_ROUTES = ["/api/stats", "/api/claims", *CHART_ROUTES]
ROUTES_WITH_FIGURES = [*FILTERED_ROUTES, "/api/patients"]


def problem(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert list(body) == ["message", "where", "fix", "parameters"]
    assert all(body[name] for name in ("message", "where", "fix"))
    return body


@pytest.mark.parametrize("route", FILTERED_ROUTES)
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("status=denied", "status should be 'active', 'cancelled' or 'draft'"),
        ("received_from=20250101", "received_from should be a day such as 2025-01-31"),
        ("received_to=2025-02-30", "received_to should be a day such as 2025-01-31"),
        ("received_from=2025-W01-3", "received_from should be a day such as 2025-01-31"),
        ("received_from=2025-02-01&received_to=2025-01-01", "received_from (2025-02-01) is later than received_to"),
        ("patient=", "patient string should have at least 1 character"),
        ("patient=%20", "patient string should have at least 1 character"),
        ("statuss=active", "there is no parameter statuss"),
        ("received_from=2025-01-01&received_from=2025-02-01", "received_from should be given once"),
        ("created_to=2025-01-01&received_to=2025-02-01", "received_to should be given once"),
    ],
)
def test_a_wrong_filter_is_named(client: httpx.Client, route: str, query: str, message: str) -> None:
    answer = client.get(f"{route}?{query}")
    assert answer.status_code == 422
    body = problem(answer)
    assert body["message"].startswith(message)
    assert body["where"] == f"GET {route}"


@pytest.mark.parametrize("route", ["/api/claims", "/api/patients"])
@pytest.mark.parametrize(
    "query", ["count=0", "count=1001", "offset=-1", "offset=1000001", "sort=npi", "count=many", "after=end"]
)
def test_a_wrong_part_of_a_list_is_named(client: httpx.Client, route: str, query: str) -> None:
    answer = client.get(f"{route}?{query}")
    assert answer.status_code == 422
    assert problem(answer)["message"].startswith(query.partition("=")[0])


ALL_ROUTES = [route.path for route in router.routes if isinstance(route, APIRoute)]
OF_ONE = [path for path in ALL_ROUTES if "{" in path]
ROUTES = [path for path in ALL_ROUTES if path not in OF_ONE]
WITHOUT_PARAMETERS = {"/health", "/api/pipeline", "/api/pipeline/model-checks", "/api/charts"}


@pytest.mark.parametrize("route", sorted({*ROUTES} - WITHOUT_PARAMETERS))
def test_each_route_names_a_parameter_that_it_does_not_have(client: httpx.Client, route: str) -> None:
    answer = client.get(f"{route}?q=a&nope=1")
    assert answer.status_code == 422
    assert problem(answer)["parameters"]["nope"] == "is no parameter of this route"


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_refuses_what_it_does_not_do(client: httpx.Client, route: str) -> None:
    answer = client.delete(route)
    assert answer.status_code == 405
    assert problem(answer)["where"] == f"DELETE {route}"


@pytest.mark.parametrize("route", OF_ONE)
def test_each_route_of_one_says_what_there_is_not(client: httpx.Client, route: str) -> None:
    answer = client.get(re.sub(r"\{\w+\}", "nobody", route))
    assert answer.status_code == 404
    assert "nobody" in problem(answer)["message"]


def test_who_may_not_ask_is_told_in_the_same_shape(example_settings: Settings, start: Start) -> None:
    guarded = create_app(example_settings.model_copy(update={"dashboard_password": SecretStr("right")}))
    elsewhere = start(create_app(example_settings), host="rebound.example").get("/api/stats")
    without = start(guarded).get("/api/stats")
    assert (without.status_code, elsewhere.status_code) == (401, 421)
    assert "password" in problem(without)["message"]
    assert "127.0.0.1" in problem(elsewhere)["fix"]


def test_what_is_wrong_is_told_parameter_by_parameter(client: httpx.Client) -> None:
    body = client.get("/api/claims?status=denied&received_to=2025-02-30&sort=npi").json()
    assert set(body["parameters"]) == {"sort", "received_to", "status"}
    assert body["parameters"]["received_to"] == "should be a day such as 2025-01-31, not '2025-02-30'"


def test_a_parameter_that_is_not_there_is_told_in_words(client: httpx.Client) -> None:
    assert client.get("/api/stats?statuss=active").json()["parameters"] == {"statuss": "is no parameter of this route"}


def test_a_parameter_may_be_repeated_where_it_has_several_values(client: httpx.Client) -> None:
    assert client.get("/api/claims?status=active&status=draft&state=CA&state=TX").status_code == 200
    assert problem(client.get("/api/claims?count=5&count=7&sort=claim_id&sort=claim_id"))["parameters"] == {
        "count": "should be given once",
        "sort": "should be given once",
    }


def test_all_wrong_parameters_are_named_at_once(client: httpx.Client) -> None:
    message = problem(client.get("/api/claims?status=denied&count=0&sort=npi"))["message"]
    assert {part.split()[0] for part in message.split("; ")} == {"count", "status", "sort"}


@pytest.mark.parametrize("route", ["/nope", "/api/nope", "/api/charts/nope", "/assets/x/nope.js"])
def test_a_route_that_is_not_there(client: httpx.Client, route: str) -> None:
    answer = client.get(route)
    assert answer.status_code == 404
    assert problem(answer)["where"] == f"GET {route}"


def test_a_method_that_a_route_does_not_know(client: httpx.Client) -> None:
    answer = client.post("/api/claims")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    problem(answer)


@pytest.mark.parametrize("route", ROUTES_WITH_FIGURES)
def test_before_the_first_build_each_route_says_what_to_run(empty_client: httpx.Client, route: str) -> None:
    answer = empty_client.get(route)
    assert answer.status_code == 503
    assert problem(answer)["message"] == "the analytics are not built yet"
    assert problem(answer)["fix"] == "claims aggregate"


def test_the_page_is_there_before_the_first_build(empty_client: httpx.Client) -> None:
    assert empty_client.get("/").status_code == 200


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000])
def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path, cache: Path, start: Start, content: bytes) -> None:
    settings = Settings(home=tmp_path, cache=cache)
    settings.analytics_path.write_bytes(content)
    answer = start(create_app(settings)).get("/api/stats")
    assert answer.status_code == 503
    assert "claims aggregate" in problem(answer)["fix"]


def test_a_database_of_another_version_is_not_read(tmp_path: Path, cache: Path, start: Start) -> None:
    settings = Settings(home=tmp_path, cache=cache)
    with duckdb.connect(settings.analytics_path) as connection:
        connection.execute("create table claims_current (claim_id varchar)")
    body = problem(start(create_app(settings)).get("/api/claims"))
    assert body["message"] == "the analytics were built by another version"
    assert "restart the dashboard" in body["fix"]


def test_too_much_at_once_says_when_to_ask_again(
    example_settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(example_settings)
    turns = Turns(at_once=1, patience=0.01)
    monkeypatch.setattr(app.state.analytics, "_turns", turns)
    client = start(app)
    with turns.turn():
        answer = client.get("/api/stats")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "ask again" in problem(answer)["fix"]
    assert client.get("/api/stats").status_code == 200


def test_a_defect_has_the_shape_too(example_settings: Settings, start: Start) -> None:
    app: FastAPI = create_app(example_settings)

    @app.get("/defect")
    def defect() -> None:
        raise ZeroDivisionError

    answer = start(app).get("/defect")
    assert answer.status_code == 500
    assert problem(answer)["message"] == "the dashboard failed to answer"
