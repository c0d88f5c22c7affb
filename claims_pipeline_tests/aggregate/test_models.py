"""What the models hold, for a lake known by heart."""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from claims_pipeline import aggregate, schema
from claims_pipeline.aggregate import MODELS, Model
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline_tests.aggregate.example_lake import (
    ANA,
    BEN,
    CLEO,
    FEB_3,
    JAN_10,
    JAN_11,
    claim,
    rows,
    write_day,
    write_example_lake,
)
from claims_pipeline_tests.lakes import rewrite

Select = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def analytics_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    aggregate.build(write_example_lake(folder / "lake"), folder / "analytics.duckdb")
    return folder / "analytics.duckdb"


@pytest.fixture
def select(analytics_path: Path) -> Select:
    return lambda sql: rows(analytics_path, sql)


def test_a_claim_is_shown_in_its_latest_version(select: Select) -> None:
    assert select("select claim_id, claim_status, version_number, as_of_date from claims_current") == [
        ("claim-20250110-000000", "cancelled", 2, FEB_3),
        ("claim-20250110-000001", "active", 1, JAN_10),
        ("claim-20250111-000000", "active", 1, JAN_11),
        ("claim-20250203-000000", "draft", 1, FEB_3),
        ("claim-20250203-000001", "active", 1, FEB_3),
    ]


def test_lines_are_those_of_the_latest_version_only(select: Select) -> None:
    assert select("select claim_id, claim_line_number, claim_status, hcpcs_code, charge_amount from claim_lines") == [
        ("claim-20250110-000000", 1, "cancelled", "99213", Decimal("150.00")),
        ("claim-20250110-000000", 2, "cancelled", "85025", Decimal("20.50")),
        ("claim-20250110-000001", 1, "active", "99214", Decimal("200.00")),
        ("claim-20250111-000000", 1, "active", "99213", Decimal("150.00")),
        ("claim-20250203-000000", 1, "draft", "99213", Decimal("140.00")),
        ("claim-20250203-000001", 1, "active", "99213", Decimal("130.00")),
        ("claim-20250203-000001", 2, "active", "85025", Decimal("20.50")),
    ]


def test_a_patient_is_shown_at_the_last_address(select: Select) -> None:
    assert select("select patient_id, city, as_of_date from patients_current") == [
        (ANA, "Dallas", FEB_3),
        (BEN, "Fresno", FEB_3),
        (CLEO, "Austin", FEB_3),
    ]


def test_a_member_counts_once_in_the_month_of_a_plan_change(select: Select) -> None:
    assert select("select patient_id, plan_id, plan_type, payer_id, first_month, last_month from member_spans") == [
        (ANA, "plan-01", "marketplace", "payer-01", date(2025, 1, 1), date(2025, 2, 1)),
        (BEN, "plan-02", "medicare", "payer-02", date(2025, 1, 1), date(2025, 2, 1)),
        (CLEO, "plan-02", "medicare", "payer-02", date(2025, 2, 1), date(2025, 2, 1)),
    ]


def test_a_claim_without_a_practitioner_is_counted(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    rewrite(lake, schema.CLAIMS, JAN_11, pl.lit(True), practitioner_id=None)
    aggregate.build(lake, tmp_path / "a.duckdb")

    assert rows(tmp_path / "a.duckdb", "select count(*) from claims_current") == [(5,)]
    assert rows(tmp_path / "a.duckdb", "select sum(claim_count) from providers") == [(5,)]


def test_a_claim_has_what_it_is_broken_down_by(select: Select) -> None:
    assert select(
        "select gender, age_band, payer_name, plan_type, specialty, practitioner_name, diagnosis_chapter "
        "from claims_current where claim_id = 'claim-20250110-000001'"
    ) == [("male", "65-74", "Blue", "marketplace", "family_medicine", "Dora Diaz", "Circulatory system")]


@pytest.mark.heavy
def test_the_member_months_of_a_feed_are_those_of_its_enrollment(tmp_path: Path) -> None:
    """Counted here month by month from the enrollment, there by spans."""
    first, last = date(2025, 1, 1), date(2025, 4, 10)
    lake = Lake(tmp_path / "lake")
    feed = Feed(seed=5, patients=300, claims=300, start_date=first, end_date=last)
    generate_range(lake, feed, start=first, end=last)
    aggregate.build(lake, tmp_path / "a.duckdb")
    ((months, begin),) = rows(
        tmp_path / "a.duckdb",
        "select sum(month_count), (select min(claim_start_date) from claims_current) from member_spans",
    )
    covered = {
        (person["patient_id"], day.year, day.month)
        for person in pl.read_parquet(lake.path(schema.ENROLLMENT)).to_dicts()
        for span in person["spans"]
        for day in pl.date_range(
            max(span["coverage_start_date"], begin.replace(day=1)), min(span["coverage_end_date"], last), eager=True
        )
    }
    assert months == len(covered)


@pytest.mark.heavy
def test_members_whom_no_claim_names_are_members_of_their_state(tmp_path: Path) -> None:
    """Charges PMPM of the states, weighted by member months, are those of all members even in a lake of a few days."""
    first, last = date(2025, 12, 29), date(2025, 12, 31)
    lake = Lake(tmp_path / "lake")
    feed = Feed(seed=5, patients=300, claims=100, start_date=first, end_date=last)
    generate_range(lake, feed, start=first, end=last)
    aggregate.build(lake, tmp_path / "a.duckdb")
    ((unnamed, unknown, states_that_differ),) = rows(
        tmp_path / "a.duckdb",
        "select count(*) filter (patients_current.state is null), count(*) filter (patient_state = 'unknown'), "
        "count(*) filter (patients_current.state <> patient_state) "
        "from member_spans left join patients_current using (patient_id)",
    )
    assert unnamed > 100
    assert (unknown, states_that_differ) == (0, 0)


def test_a_patient_is_found_by_a_name_in_lower_case(select: Select) -> None:
    found = select("select patient_id from patients_current where contains(search_name, 'ana')")
    assert found == [(ANA,)]
    assert select("select count(*) from patients_current where search_name <> lower(search_name)") == [(0,)]


def test_totals_of_a_patient_have_the_patients_number(select: Select) -> None:
    joined = "from patient_totals join patients_current using (patient_number)"
    assert select(f"select count(*) {joined} where patient_totals.patient_id <> patients_current.patient_id") == [(0,)]
    assert select(f"select count(*) {joined}") == select("select count(*) from patient_totals")


def test_count_patients_counts_different_patients(select: Select) -> None:
    assert select(
        "select claim_status, count_patients(patient_number) from claims_current group by rollup (claim_status)"
        " order by claim_status"
    ) == [("active", 2), ("cancelled", 1), ("draft", 1), (None, 3)]
    assert select("select count_patients(patient_number) from claims_current where false") == [(0,)]


def test_a_patients_charges_leave_out_claims_that_are_not_active(select: Select) -> None:
    assert select("select * exclude (patient_number) from patient_totals") == [
        (ANA, 2, Decimal("150.00"), JAN_10, JAN_11),
        (BEN, 2, Decimal("350.50"), JAN_10, FEB_3),
        (CLEO, 1, Decimal("0.00"), FEB_3, FEB_3),
    ]


def test_the_daily_counts_add_up_to_the_claims_and_lines(select: Select) -> None:
    assert select("select sum(claim_count), sum(charge_amount) from claims_by_day") == [(5, Decimal("811.00"))]
    assert select("select sum(line_count), sum(charge_amount) from procedures_by_day") == [(7, Decimal("811.00"))]
    assert select("from claims_by_day where received_date = '2025-02-03'") == [
        (FEB_3, "active", "male", "CA", "CA", 1, Decimal("150.50")),
        (FEB_3, "draft", "female", "TX", "TX", 1, Decimal("140.00")),
    ]


def test_a_code_comes_with_its_label_and_its_claims_in_numbers(select: Select) -> None:
    assert select("select * exclude (label) from procedures") == [
        ("85025", "laboratory", 2, 2, 2, 2, Decimal("20.50")),
        ("99213", "office_visit", 4, 3, 4, 4, Decimal("280.00")),
        ("99214", "office_visit", 1, 1, 1, 1, Decimal("200.00")),
    ]
    assert select("from diagnoses") == [
        ("I10", "Essential hypertension", "Circulatory system", 5, 3, Decimal("500.50"))
    ]


def test_providers_and_locations_have_their_claims_in_numbers(select: Select) -> None:
    assert select("select * exclude (practitioner_number) from providers") == [
        ("practitioner-0001", "Dora Diaz", "family_medicine", 5, 3, Decimal("500.50"))
    ]
    assert select("select location_id, claim_count, active_charge_amount from locations") == [
        ("location-0001", 5, Decimal("500.50"))
    ]


def test_plans_and_demographics_have_members_also_without_a_claim(select: Select) -> None:
    """The coverages of the example name a plan that the directory does not have."""
    assert select("select plan_name, member_month_count, claim_count from plans") == [
        ("Bronze", 2, 0),
        ("Plan", 0, 3),
        ("Medicare", 3, 0),
        ("Plan", 0, 2),
    ]
    assert select("from demographics") == [
        ("female", "65-74", 3, 3, 2, Decimal("150.00")),
        ("male", "65-74", 2, 2, 1, Decimal("350.50")),
    ]


@pytest.mark.heavy
def test_the_run_out_of_a_month_grows_by_what_is_received_later(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    late = claim("claim-20250204-000000", BEN, "CA", {"99213": "1.00"}, received_date=date(2025, 2, 4))
    write_day(lake, date(2025, 2, 4), [late | {"claim_start_date": JAN_11}])
    aggregate.build(lake, tmp_path / "a.duckdb")
    assert rows(tmp_path / "a.duckdb", "from run_out") == [
        (date(2025, 1, 1), 0, 3, Decimal("350.00"), 3, Decimal("350.00")),
        (date(2025, 1, 1), 1, 1, Decimal("1.00"), 4, Decimal("351.00")),
        (date(2025, 2, 1), 0, 2, Decimal("150.50"), 2, Decimal("150.50")),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_has_the_columns_that_it_declares(analytics_path: Path, model: Model) -> None:
    with duckdb.connect(analytics_path, read_only=True) as connection:
        found = connection.table(model.name).limit(0).pl().schema
    assert found == pl.Schema({column.name: column.dtype for column in model.columns})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_reads_what_it_declares(model: Model) -> None:
    common_table_expressions = set(re.findall(r"(\w+) as \(", model.sql))
    read = set(re.findall(r"^\s*(?:from|left join|join) ([\w.]+)", model.sql, flags=re.MULTILINE))
    read |= set(re.findall(r"from (lake\.\w+)", model.sql))
    references = {f"reference.{name}" for name in model.references}
    tables = {f"lake.{table.name}" for table in model.tables}
    assert read - common_table_expressions == tables | references | set(model.models)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_is_headed_by_its_grain(model: Model) -> None:
    assert model.description.startswith("One row per ")


def test_another_label_is_another_version_of_the_models_that_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {model.name: model.digest for model in MODELS}
    other = read_table("procedures").with_columns(label=pl.lit("other"))
    monkeypatch.setattr("claims_pipeline.aggregate.model.read_table", lambda _: other)
    changed = {model.name for model in MODELS if model.digest != before[model.name]}
    assert {"claim_lines", "procedures"} <= changed
    assert "claims_current" not in changed


def test_models_come_after_those_that_they_read() -> None:
    names = [model.name for model in MODELS]
    assert all(names.index(upstream) < names.index(model.name) for model in MODELS for upstream in model.models)
