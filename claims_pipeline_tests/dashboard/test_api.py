import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from claims_pipeline.dashboard.dimensions import DIMENSIONS
from claims_pipeline_tests.aggregate.example_lake import ANA, BEN, CLEO


def get(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(client: httpx.Client, query: str) -> list[str]:
    return [item["claim_id"].removeprefix("claim-2025") for item in get(client, f"/api/claims?{query}")["items"]]


def test_counts_are_of_every_status_and_charges_of_active_claims(client: httpx.Client) -> None:
    stats = get(client, "/api/stats")
    build = stats.pop("build")
    assert stats.pop("sql").endswith("from claims_current")
    assert stats == {
        "claim_count": 5,
        "claim_count_by_status": [
            {"claim_status": "active", "claim_count": 3},
            {"claim_status": "cancelled", "claim_count": 1},
            {"claim_status": "draft", "claim_count": 1},
        ],
        "patient_count": 3,
        "charge_amount": 500.50,
        "charged_claim_count": 3,
        "average_charge_amount": 166.83,
        "charged_statuses": ["active"],
        "first_received_date": "2025-01-10",
        "last_received_date": "2025-02-03",
        "chosen": [],
    }
    assert datetime.fromisoformat(build["built_at"]).utcoffset() == timedelta(0)
    assert (build["first_day"], build["last_day"], build["day_count"]) == ("2025-01-10", "2025-02-03", 3)
    assert (build["population_count"], build["changing_from"]) == (4, "2025-01-10")


def test_the_values_that_are_filtered_by_have_their_labels(client: httpx.Client) -> None:
    stats = get(client, "/api/stats?organization=organization-0001&organization=nobody&specialty=orthopedics")
    assert [(one["dimension"], one["value"], one["label"]) for one in stats["chosen"]] == [
        ("specialty", "orthopedics", "Orthopedic surgery"),
        ("organization", "organization-0001", "Lakeside Clinic"),
        ("organization", "nobody", "nobody"),
    ]


@pytest.mark.parametrize(
    ("query", "claim_count", "patient_count", "charge_amount"),
    [
        ("status=cancelled", 1, 1, 170.50),
        ("status=draft&status=cancelled", 2, 2, 310.50),
        ("received_from=2025-02-03", 2, 2, 150.50),
        ("received_to=2025-01-10", 2, 2, 200.00),
        ("received_from=2025-01-11&received_to=2025-01-11", 1, 1, 150.00),
        (f"patient={ANA}", 2, 1, 150.00),
        ("patient=BROWN", 2, 1, 350.50),
        ("patient=a b", 0, 0, 0.0),
        (f"patient={BEN}&status=active&received_from=2025-02-01", 1, 1, 150.50),
        ("created_from=2025-01-11&created_to=2025-01-11", 1, 1, 150.00),
        ("patient=%20%20brown%20", 2, 1, 350.50),
        ("patient=Brown, Ben", 2, 1, 350.50),
        ("patient=bro,b", 2, 1, 350.50),
        ("patient=brown,", 2, 1, 350.50),
        ("patient=brown ben", 2, 1, 350.50),
        ("patient=brown 2", 0, 0, 0.0),
        ("patient=brown, ana", 0, 0, 0.0),
        ("patient=000002", 2, 1, 350.50),
        ("patient=PATIENT-000002", 2, 1, 350.50),
        ("patient=patient", 0, 0, 0.0),
        ("received_from=2031-01-01", 0, 0, 0.0),
    ],
)
def test_every_filter_limits_the_figures(
    client: httpx.Client, query: str, claim_count: int, patient_count: int, charge_amount: float
) -> None:
    stats = get(client, f"/api/stats?{query}")
    assert (stats["claim_count"], stats["patient_count"], stats["charge_amount"]) == (
        claim_count,
        patient_count,
        charge_amount,
    )
    assert get(client, f"/api/claims?{query}")["total"] == claim_count


def test_a_patients_text_is_no_pattern(client: httpx.Client) -> None:
    for text in ("%", "_", "'", "' or 1=1 --"):
        assert get(client, f"/api/claims?patient={text.replace('%', '%25')}")["total"] == 0


def test_a_claim_is_complete(client: httpx.Client) -> None:
    claim = get(client, "/api/claims?status=active&count=1")["items"][0]
    assert claim == {
        "claim_id": "claim-20250203-000001",
        "claim_status": "active",
        "received_date": "2025-02-03",
        "claim_start_date": "2025-02-03",
        "claim_end_date": "2025-02-03",
        "patient_id": BEN,
        "patient_name": "Ben Brown",
        "payer_name": "CMS",
        "plan_name": "Plan",
        "practitioner_id": "practitioner-0001",
        "practitioner_name": "Dora Diaz",
        "specialty": "family_medicine",
        "diagnoses": [{"code": "I10", "label": "Essential hypertension"}],
        "procedures": [
            {"code": "99213", "label": "Office visit, established patient, 20-29 minutes"},
            {"code": "85025", "label": claim["procedures"][1]["label"]},
        ],
        "place_of_service": {"code": "11", "label": "Office"},
        "facility_city": "Fresno",
        "facility_state": "CA",
        "total_charge_amount": 150.50,
    }


def test_the_latest_received_claims_come_first(client: httpx.Client) -> None:
    assert ids(client, "") == ["0203-000001", "0203-000000", "0111-000000", "0110-000001", "0110-000000"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("claim_id", "0110-000000"),
        ("-total_charge_amount", "0110-000001"),
        ("total_charge_amount", "0203-000000"),
        ("patient_name", "0110-000000"),
        ("-patient_name", "0203-000000"),
        ("claim_status", "0110-000001"),
        ("facility_state", "0110-000001"),
    ],
)
def test_claims_are_sorted_by_a_column(client: httpx.Client, sort: str, first: str) -> None:
    assert ids(client, f"sort={sort}&count=1") == [first]


def test_following_next_shows_every_claim_once(client: httpx.Client) -> None:
    seen, address = [], "/api/claims?count=2&received_from=2025-01-01&status=active&status=draft"
    while address:
        page = get(client, address)
        seen += [item["claim_id"] for item in page["items"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == page["total"] == 4
    assert get(client, page["previous"])["offset"] == 0


def test_the_last_part_of_a_list_is_one_step_away(client: httpx.Client) -> None:
    first = get(client, "/api/claims?count=2")
    last = get(client, first["last"])
    assert [item["claim_id"][-11:] for item in last["items"]] == ["0110-000000"]
    assert (last["offset"], last["next"], last["last"]) == (4, None, None)
    assert (first["first"], first["previous"]) == (None, None)
    assert get(client, last["first"])["items"] == first["items"]


@pytest.mark.parametrize(
    "query", ["after=x", "before=eyJ9", "after=IjEi", "after=NQ", "after=bnVsbA", "offset=1000001"]
)
def test_a_place_that_no_answer_named_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/api/claims?{query}").status_code == 422


@pytest.mark.parametrize("query", ["sort=received_date", "sort=-total_charge_amount", "sort=claim_start_date"])
def test_a_place_of_another_order_is_refused(client: httpx.Client, query: str) -> None:
    place = get(client, "/api/claims?sort=patient_name&count=1")["next"].partition("after=")[2].partition("&")[0]
    answer = client.get(f"/api/claims?{query}&after={place}")
    assert answer.status_code == 422
    assert "should be taken from a part that is sorted by" in answer.json()["message"]


@pytest.mark.parametrize("route", ["claims", "export.csv", "cards"])
@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("status=denied", "status should be 'active', 'cancelled' or 'draft'"),
        ("state=ZZ", "state should be a state of the United States in two letters, such as CA"),
        ("patient_state=ca", "patient_state should be a state of the United States in two letters, such as CA, or"),
        ("state=unknown", "state should be a state"),
        ("state=CA&state=%00", "state should be a state"),
        ("city=%00", "city should be a text without control characters"),
        ("patient=a%07b", "patient should be a text without control characters"),
        ("patient=+%2C", "patient should be an id, a name, or 'Last, First'"),
        ("patient=%2C%C2%A0%2C", "patient should be an id, a name, or 'Last, First'"),
        ("gender=m", "gender should be 'male', 'female', 'other' or 'unknown'"),
    ],
)
def test_a_value_that_cannot_be_one_is_refused(client: httpx.Client, route: str, query: str, said: str) -> None:
    answer = client.get(f"/api/{route}?{query}")
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(said)


@pytest.mark.parametrize(
    "query",
    ["state=GU", "patient_state=PR", "patient_state=unknown", "gender=other", "city=Nowhere, CA", "payer=nobody"],
)
def test_a_value_that_no_claim_has_selects_none(client: httpx.Client, query: str) -> None:
    assert get(client, f"/api/claims?{query}")["total"] == 0


def test_patients_are_listed_in_parts(client: httpx.Client) -> None:
    address, seen = "/api/patients?count=2&sort=-active_charge_amount", []
    while address:
        page = get(client, address)
        seen += [item["patient_id"] for item in page["items"]]
        address = page["next"]
    assert seen == [BEN, ANA, CLEO]


@pytest.mark.parametrize("route", ["/", "/health", "/api/stats", "/api/claims", "/docs", "/nope"])
def test_head_is_answered_as_get_without_the_body(client: httpx.Client, route: str) -> None:
    head, whole = client.head(route), client.get(route)
    assert head.status_code == whole.status_code
    assert head.content == b""
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_patients_come_with_their_claims_in_numbers(client: httpx.Client) -> None:
    page = get(client, "/api/patients?count=100")
    assert page["total"] == 3
    assert page["items"][0] == {
        "patient_id": ANA,
        "first_name": "Ana",
        "last_name": "Alvarez",
        "gender": "female",
        "birth_date": "1960-01-01",
        "city": "Dallas",
        "state": "TX",
        "claim_count": 2,
        "active_charge_amount": 150.0,
        "last_received_date": "2025-01-11",
    }
    assert [one["patient_id"] for one in page["items"]] == [ANA, BEN, CLEO]
    assert get(client, "/api/patients?sort=-active_charge_amount&count=1")["items"][0]["patient_id"] == BEN
    assert get(client, "/api/patients?patient=chan")["total"] == 1


def test_what_a_chart_draws_is_a_parameter_of_charts_only(client: httpx.Client) -> None:
    routes = get(client, "/openapi.json")["paths"]
    taking = {path for path, route in routes.items() if "'trend'" in str(route["get"].get("parameters"))}
    assert taking == {path for path in routes if path.startswith("/api/charts/")}
    assert client.get("/api/claims?trend=charge_pmpm").status_code == 422


def test_health_says_whether_there_are_figures(client: httpx.Client, empty_client: httpx.Client) -> None:
    assert get(client, "/health")["analytics"] == "built"
    assert get(empty_client, "/health")["analytics"] == "not built"


@pytest.mark.heavy
def test_openapi_describes_every_chart_and_every_error(client: httpx.Client) -> None:
    paths = get(client, "/openapi.json")["paths"]
    charts = [chart["href"] for chart in get(client, "/api/charts")]
    assert set(charts) <= set(paths)
    assert {f"/api/stats/by-{dimension.path}" for dimension in DIMENSIONS.values()} <= set(paths)
    for path, methods in paths.items():
        for code in ("422", "503"):
            schema = methods["get"]["responses"][code]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, path


def test_the_description_of_the_api_names_the_values_and_the_texts_that_a_filter_takes(client: httpx.Client) -> None:
    parameters = get(client, "/openapi.json")["paths"]["/api/claims"]["get"]["parameters"]
    takes = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert takes["gender"]["items"]["enum"] == ["female", "male", "other", "unknown"]
    assert {"CA", "TX"} < set(takes["state"]["items"]["enum"])
    assert {"CA", "unknown"} < set(takes["patient_state"]["items"]["enum"])
    patient = takes["patient"]["anyOf"][0]["pattern"]
    assert [bool(re.search(patient, text)) for text in ("Brown, Ben", "-", " , ", "a\tb", "a\x85")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [bool(re.search(takes["payer"]["items"]["pattern"], text)) for text in ("a ,", "\x00")] == [True, False]


@pytest.mark.parametrize(
    ("path", "described", "media_type"),
    [
        ("/api/claims/claim-20250110-000001/fhir", "/api/claims/{claim_id}/fhir", "application/fhir+json"),
        ("/api/export.csv", "/api/export.csv", "text/csv"),
        ("/api/export.parquet", "/api/export.parquet", "application/vnd.apache.parquet"),
    ],
)
def test_an_answer_that_is_no_plain_json_has_the_media_type_that_the_description_names(
    client: httpx.Client, path: str, described: str, media_type: str
) -> None:
    answer = get(client, "/openapi.json")["paths"][described]["get"]["responses"]["200"]
    assert list(answer["content"]) == [media_type]
    assert client.get(path).headers["Content-Type"].partition(";")[0] == media_type
