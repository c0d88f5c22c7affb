"""One claim, one patient, and the claims as a file."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest

from claims_pipeline import aggregate
from claims_pipeline.dashboard import create_app
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import ANA, BEN, claim, write_day, write_example_lake
from claims_pipeline_tests.dashboard.conftest import Start


def test_a_claim_comes_with_its_lines_and_the_history_of_its_versions(client: httpx.Client) -> None:
    detail = client.get("/api/claims/claim-20250110-000000").json()
    assert [(line["procedure"]["code"], line["charge_amount"]) for line in detail["lines"]] == [
        ("99213", 150.0),
        ("85025", 20.5),
    ]
    assert [(one["version_number"], one["claim_status"], one["as_of_date"]) for one in detail["versions"]] == [
        (1, "active", "2025-01-10"),
        (2, "cancelled", "2025-02-03"),
    ]
    assert (detail["claim_status"], detail["practitioner_name"]) == ("cancelled", "Dora Diaz")
    assert detail["fhir_url"].endswith("/fhir/Claim/claim-20250110-000000")


def test_a_claim_names_the_one_that_it_replaces_and_the_one_that_replaces_it(
    tmp_path_factory: pytest.TempPathFactory, start: Start
) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    lake = write_example_lake(settings.lake_path)
    day, cancelled, of_other = date(2025, 2, 4), "claim-20250110-000000", "claim-20250111-000000"
    replacement = claim("claim-20250204-000000", ANA, "TX", {"99213": "150.00"}, received_date=day)
    write_day(lake, day, [replacement | {"claim_frequency_code": "7", "replaced_claim_id": cancelled}])
    aggregate.build(lake, settings.analytics_path)
    client = start(create_app(settings))

    def relations(claim_id: str) -> tuple[str, str | None, str | None]:
        detail = client.get(f"/api/claims/{claim_id}").json()
        return detail["claim_frequency_code"], detail["replaced_claim_id"], detail["replacing_claim_id"]

    assert relations("claim-20250204-000000") == ("7", cancelled, None)
    assert relations(cancelled) == ("1", None, "claim-20250204-000000")
    assert relations(of_other) == ("1", None, None)


def test_a_patient_comes_with_the_coverages_that_claims_name(client: httpx.Client) -> None:
    detail = client.get(f"/api/patients/{BEN}").json()
    assert (detail["last_name"], detail["claim_count"]) == ("Brown", 2)
    assert [one["coverage_start_date"] for one in detail["coverages"]] == ["2024-01-01", "2025-01-16"]
    assert client.get(detail["claims"]).json()["total"] == 2


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("/api/claims/claim-20250110-000000", "lines"),
        ("/api/claims/claim-20250110-000000", "versions"),
        (f"/api/patients/{BEN}", "coverages"),
    ],
)
def test_the_sql_of_a_part_gives_its_rows(
    client: httpx.Client, example_settings: Settings, route: str, name: str
) -> None:
    detail = client.get(route).json()
    rows = run(example_settings, detail[f"{name}_sql"])
    assert rows
    assert [plain(row) for row in rows] == [codes_only(one) for one in detail[name]]


@pytest.mark.parametrize("side", ["", "&before=end"], ids=["from the first", "from the last"])
@pytest.mark.parametrize(
    "query",
    [
        f"patient={BEN}&sort=-claim_start_date&count=100",
        "status=active&state=TX&received_from=2025-01-11&sort=total_charge_amount",
        "count=2&sort=received_date",
    ],
)
def test_the_sql_of_a_list_of_claims_gives_its_rows(
    client: httpx.Client, example_settings: Settings, query: str, side: str
) -> None:
    answer = client.get(f"/api/claims?{query}{side}").json()
    while True:
        rows = run(example_settings, answer["sql"])
        assert [row["claim_id"] for row in rows] == [one["claim_id"] for one in answer["items"]]
        assert [float(row["total_charge_amount"]) for row in rows] == [
            one["total_charge_amount"] for one in answer["items"]
        ]
        assert run(example_settings, answer["total_sql"]) == [{"n": answer["total"]}]
        further = answer["previous" if side else "next"]
        if not further:
            break
        answer = client.get(further).json()


def run(settings: Settings, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query as a person runs it."""
    with duckdb.connect(settings.analytics_path, read_only=True) as connection:
        rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
        return rows


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON has it."""
    as_json = {Decimal: float, date: str}
    return {name: as_json.get(type(value), lambda one: one)(value) for name, value in row.items()}


def codes_only(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of the API with its codes as the tables have them: without labels, in columns of their own."""
    columns = {"procedure": "hcpcs_code", "place_of_service": "place_of_service_code"}
    return {columns.get(name, name): one["code"] if name in columns else one for name, one in record.items()}


@pytest.mark.parametrize("route", ["/api/claims/claim-1", "/api/patients/nobody", "/api/claims/'; drop table x"])
def test_an_id_that_is_not_there_is_named(client: httpx.Client, route: str) -> None:
    answer = client.get(route)
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("there is no ")


def test_the_csv_holds_the_claims_under_the_filters(client: httpx.Client) -> None:
    answer = client.get("/api/export.csv?status=active")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="claims.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["claim_id"] for row in rows] == [
        "claim-20250110-000001",
        "claim-20250111-000000",
        "claim-20250203-000001",
    ]
    assert [Decimal(row["total_charge_amount"]) for row in rows] == [Decimal(200), Decimal(150), Decimal("150.50")]
    assert rows[2]["hcpcs_codes"] == "99213 85025"


def test_the_parquet_holds_the_same_claims(client: httpx.Client) -> None:
    answer = client.get("/api/export.parquet")
    frame = pl.read_parquet(io.BytesIO(answer.content))
    assert frame.height == 5
    assert frame["total_charge_amount"].sum() == Decimal("811.00")
    assert frame.schema["diagnosis_codes"] == pl.List(pl.String)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_is_sent_as_it_is_made(client: httpx.Client, kind: str) -> None:
    """Compressing it would take far longer than making it."""
    answer = client.get(f"/api/export.{kind}", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert client.get("/api/claims", headers={"Accept-Encoding": "gzip"}).headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("query", ["", "received_from=2025-01-11", "patient=n", "state=TX&state=CA", "procedure=99213"])
def test_an_export_is_in_order_of_receipt(client: httpx.Client, query: str) -> None:
    frame = pl.read_parquet(io.BytesIO(client.get(f"/api/export.parquet?{query}").content))
    listed = client.get(f"/api/claims?sort=received_date&{query}").json()["items"]
    assert frame["claim_id"].to_list() == [claim["claim_id"] for claim in listed]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_of_nothing_still_has_its_columns(client: httpx.Client, kind: str) -> None:
    content = client.get(f"/api/export.{kind}?patient=nobody").content
    frame = pl.read_csv(content) if kind == "csv" else pl.read_parquet(io.BytesIO(content))
    assert frame.height == 0
    assert frame.columns[0] == "claim_id"


def test_a_text_that_a_spreadsheet_takes_for_a_formula_is_harmless(
    tmp_path_factory: pytest.TempPathFactory, start: Start
) -> None:
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    lake = write_example_lake(settings.lake_path)
    names = ["=1+1", "+1", "-1", "@sum", "\tx", "Ana -1"]
    day = date(2025, 2, 4)
    rows = [
        claim(f"claim-20250204-00000{number}", BEN, "CA", {"99213": "1.00"}, received_date=day) | {"patient_name": name}
        for number, name in enumerate(names)
    ]
    write_day(lake, day, rows)
    aggregate.build(lake, settings.analytics_path)
    answer = start(create_app(settings)).get("/api/export.csv?received_from=2025-02-04")
    found = [row["patient_name"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert found == ["'=1+1", "'+1", "'-1", "'@sum", "'\tx", "Ana -1"]


def test_a_wrong_filter_of_an_export_is_an_error_and_no_file(client: httpx.Client) -> None:
    answer = client.get("/api/export.csv?status=denied")
    assert answer.status_code == 422
    assert "content-disposition" not in answer.headers
