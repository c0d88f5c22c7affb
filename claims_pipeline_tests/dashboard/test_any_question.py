"""Every route of the OpenAPI description, asked with what it allows and with what not, answers as it says."""

import base64
import json
import re
from typing import Any, get_args
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import positive_data_acceptance

from claims_pipeline.dashboard.api import router
from claims_pipeline.dashboard.dimensions import FILTERING
from claims_pipeline.dashboard.filters import Compare
from claims_pipeline.dashboard.lists import ClaimSort, PatientSort

ROUTES = [route for route in router.routes if isinstance(route, APIRoute)]
PATHS = [route.path for route in ROUTES]
WITH_PARAMETERS = [route.path for route in ROUTES if route.dependant.query_params]
WITH_FILTERS = [path for path in WITH_PARAMETERS if path not in {"/api/search", "/api/patients"}]
IDS = {
    "claim_id": "claim-20250110-000001",
    "patient_id": "patient-000001",
    "practitioner_id": "practitioner-0001",
}

# to find the smallest question that fails takes minutes
a_few = settings(max_examples=4, derandomize=True, phases=[Phase.generate])

BEYOND_OPENAPI = {"after", "before", "figures"}
"""What a place in a list is, and that a breakdown of lines lacks some figures unless one is its measure."""


@pytest.fixture(scope="module")
def description(address: str) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.heavy
@pytest.mark.parametrize("path", PATHS)
def test_a_question_that_the_description_allows_is_answered(description: schemathesis.BaseSchema, path: str) -> None:
    @a_few
    @given(case=description[path]["GET"].as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        answer = case.call()
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        if answer.status_code == 422:  # without a parameter, it is several that do not go together
            assert set(answer.json()["parameters"]) <= BEYOND_OPENAPI

    ask()


@pytest.mark.heavy
@pytest.mark.parametrize("path", WITH_PARAMETERS)
def test_a_question_that_the_description_forbids_is_refused(description: schemathesis.BaseSchema, path: str) -> None:
    @a_few
    @given(case=description[path]["GET"].as_strategy(schemathesis.GenerationMode.NEGATIVE))
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate()

    ask()


@pytest.mark.heavy
@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path])
def test_what_is_there_is_answered_as_the_description_says(description: schemathesis.BaseSchema, path: str) -> None:
    names = set(re.findall(r"{(\w+)}", path))
    case = description[path]["GET"].Case(path_parameters={name: IDS[name] for name in names})
    assert case.call_and_validate().status_code == 200


TEXTS = [
    "a\N{NO-BREAK SPACE}b", " \u3000x", "'", '"', "%", "_", "?", ";--", "\\", "%00", "0", "-1", "1.5", "1e400", "NaN",
    "-Infinity", "9" * 100, "1_000", "\u0661", "\u00b2", "é中", "İ", "a, b", "2025-02-30", "null", "end",
]  # fmt: skip
"""Texts that mean something to SQL, to numbers, or to the letters of Unicode; drawn ones are rarely among them."""


def asked(client: httpx.Client, path: str, **query: str | list[str]) -> None:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, (path, query, answer.text)


@pytest.mark.heavy
@pytest.mark.parametrize("path", [path for path in PATHS if "{" in path])
def test_there_is_nothing_of_an_unusual_id(client: httpx.Client, path: str) -> None:
    for text in TEXTS:
        assert client.get(re.sub(r"{\w+}", quote(text, safe=""), path)).status_code == 404, text


@pytest.mark.heavy
@pytest.mark.parametrize("path", WITH_FILTERS)
def test_unusual_values_can_be_filtered_by(client: httpx.Client, path: str) -> None:
    asked(client, path, **dict.fromkeys([name for name, one in FILTERING.items() if not one.should_be], TEXTS))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("path", "name"), [("/api/stats", "patient"), ("/api/patients", "patient"), ("/api/search", "q")]
)
def test_unusual_texts_can_be_looked_for(client: httpx.Client, path: str, name: str) -> None:
    for text in TEXTS:
        asked(client, path, **{name: text})


@pytest.mark.heavy
@pytest.mark.parametrize("path", WITH_FILTERS)
def test_the_first_and_the_last_day_that_there_are_can_be_asked_for(client: httpx.Client, path: str) -> None:
    for day in ("0001-01-01", "9999-12-31"):
        for compare in get_args(Compare):
            asked(client, path, received_from=day, received_to=day, compare=compare)


NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.sampled_from(["NaN", "sNaN", "-Infinity", "1e400", "1e16", "9" * 400, "9223372036854775808", "1_000", "\u0661"]),
)
PLACES = st.recursive(
    st.one_of(NUMBERS, st.none(), st.booleans(), st.text(max_size=8), st.sampled_from(["\ud800", "\0", "2025-01-10"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
SORTS = {"/api/claims": ClaimSort, "/api/patients": PatientSort}


def place(*parts: object) -> str:
    """Return a text in the form of a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.heavy
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), value=PLACES, key=st.just("claim-20250110-000001") | PLACES)
def test_any_place_in_a_list_is_answered_or_refused(
    client: httpx.Client, data: st.DataObject, value: object, key: object
) -> None:
    route = data.draw(st.sampled_from(sorted(SORTS)))
    sort = data.draw(st.sampled_from(get_args(SORTS[route])))
    side = data.draw(st.sampled_from(["after", "before"]))
    answer = client.get(route, params={"sort": sort, side: place(value, key)})
    assert answer.status_code in {200, 422}, (route, sort, value, key, answer.text)


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e400", "1e16", "9" * 30, "-9223372036854775809", "1.5.2"])
@pytest.mark.parametrize(
    ("route", "sort"),
    [("/api/claims", "total_charge_amount"), ("/api/patients", "claim_count"), ("/api/claims", "received_date")],
)
def test_a_place_that_no_column_can_hold_is_refused(client: httpx.Client, route: str, sort: str, value: str) -> None:
    answer = client.get(route, params={"sort": sort, "after": place(value, "x")})
    assert answer.status_code == 422
    assert f"sorted by {sort}" in answer.json()["message"]


@pytest.mark.parametrize("text", [base64.b64encode(b"[" * 30_000).decode().rstrip("="), "10" * 300, "NaN"])
def test_a_place_or_a_number_of_items_that_is_out_of_all_bounds_is_refused(client: httpx.Client, text: str) -> None:
    for query in ({"after": text}, {"before": text}, {"count": text}, {"offset": text, "before": "end"}):
        assert client.get("/api/claims", params=query).status_code == 422, query
