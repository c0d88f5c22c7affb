import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline import aggregate, schema
from claims_pipeline.aggregate import MODELS, Model
from claims_pipeline.aggregate.source import columns_of
from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake
from claims_pipeline_tests.aggregate.example_lake import (
    ANA,
    BEN,
    CLEO,
    FEB_3,
    JAN_10,
    JAN_11,
    claim,
    write_day,
    write_directory,
    write_example_lake,
)

Select = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def analytics_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    aggregate.build(write_example_lake(folder / "lake"), folder / "analytics.duckdb")
    return folder / "analytics.duckdb"


@pytest.fixture
def select(analytics_path: Path) -> Select:
    return lambda sql: rows(analytics_path, sql)


def rows(analytics_path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(analytics_path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


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
        (BEN, "Austin", FEB_3),
        (CLEO, "Austin", FEB_3),
    ]


def test_a_member_counts_once_in_the_month_of_a_plan_change(select: Select) -> None:
    assert select("select patient_id, coverage_month, plan_id, plan_type, payer_id from member_months") == [
        (ANA, date(2025, 1, 1), "plan-01", "marketplace", "payer-01"),
        (ANA, date(2025, 2, 1), "plan-01", "marketplace", "payer-01"),
        (BEN, date(2025, 1, 1), "plan-02", "medicare", "payer-02"),
        (BEN, date(2025, 2, 1), "plan-02", "medicare", "payer-02"),
        (CLEO, date(2025, 2, 1), "plan-02", "medicare", "payer-02"),
    ]


def test_a_patients_charges_leave_out_claims_that_are_not_active(select: Select) -> None:
    assert select("select * from patient_totals") == [
        (ANA, 2, Decimal("150.00"), JAN_10, JAN_11),
        (BEN, 2, Decimal("350.50"), JAN_10, FEB_3),
        (CLEO, 1, Decimal("0.00"), FEB_3, FEB_3),
    ]


def test_the_daily_counts_add_up_to_the_claims_and_lines(select: Select) -> None:
    assert select("select sum(claim_count), sum(charge_amount) from claims_by_day") == [(5, Decimal("811.00"))]
    assert select("select sum(line_count), sum(charge_amount) from procedures_by_day") == [(7, Decimal("811.00"))]
    assert select("from claims_by_day where received_date = '2025-02-03'") == [
        (FEB_3, "active", "male", "CA", 1, Decimal("150.50")),
        (FEB_3, "draft", "female", "TX", 1, Decimal("140.00")),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_has_the_columns_that_it_declares(analytics_path: Path, model: Model) -> None:
    with duckdb.connect(analytics_path, read_only=True) as connection:
        found = columns_of(connection, model.name)
    assert found == pl.Schema({column.name: column.dtype for column in model.columns})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_reads_what_it_declares(model: Model) -> None:
    common_table_expressions = set(re.findall(r"(\w+) as \(", model.sql))
    read = set(re.findall(r"^\s*(?:from|left join|join) ([\w.]+)", model.sql, flags=re.MULTILINE))
    read |= set(re.findall(r"from (lake\.\w+)", model.sql))
    assert read - common_table_expressions == {f"lake.{table.name}" for table in model.tables} | set(model.models)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_model_is_headed_by_its_grain_and_its_key_is_unique(analytics_path: Path, model: Model) -> None:
    key = ", ".join(model.key)
    assert model.description.startswith("One row per ")
    assert rows(analytics_path, f"select {key} from {model.name} group by all having count(*) > 1") == []  # noqa: S608


def test_models_come_after_those_that_they_read() -> None:
    names = [model.name for model in MODELS]
    assert all(names.index(upstream) < names.index(model.name) for model in MODELS for upstream in model.models)


def test_the_report_counts_the_rows_of_each_model(tmp_path: Path) -> None:
    begun: list[str] = []
    report = aggregate.build(write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb", begun.append)
    assert begun == list(report.row_counts)
    assert report.row_counts == {
        "claims_current": 5,
        "claim_lines": 7,
        "patients_current": 3,
        "coverages_current": 4,
        "member_months": 5,
        "patient_totals": 3,
        "claims_by_day": 5,
        "procedures_by_day": 7,
    }
    assert (report.day_count, report.first_day, report.last_day) == (3, JAN_10, FEB_3)
    assert "claims_current                5" in report.render()
    assert report.to_json()["row_counts"]["claim_lines"] == 7


def test_an_unchanged_lake_is_not_built_again(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    first = aggregate.build(lake, analytics_path)
    at = analytics_path.stat()
    second = aggregate.build(lake, analytics_path)
    assert (first.is_unchanged, second.is_unchanged) == (False, True)
    assert (analytics_path.stat().st_ino, analytics_path.stat().st_mtime_ns) == (at.st_ino, at.st_mtime_ns)
    assert second.row_counts == first.row_counts


def test_one_changed_row_is_built(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    moved = lake.read(schema.PATIENTS, FEB_3).with_columns(city=pl.lit("Waco"))
    moved.write_parquet(lake.path(schema.PATIENTS, FEB_3))
    assert not aggregate.build(lake, analytics_path).is_unchanged
    assert rows(analytics_path, "select distinct city from patients_current") == [("Waco",)]


def test_a_file_of_other_models_is_built_anew(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    with duckdb.connect(analytics_path) as connection:
        connection.execute("update built_from set models_digest = 'older'")
    assert not aggregate.build(lake, analytics_path).is_unchanged


def test_the_file_says_what_it_was_built_from(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    assert aggregate.read_built_from(analytics_path) is None
    aggregate.build(lake, analytics_path)
    built_from = aggregate.read_built_from(analytics_path)
    assert built_from is not None
    assert '"seed":1' in built_from.feed
    assert (built_from.day_count, built_from.population_count) == (3, 4)


def test_a_reader_of_the_old_file_is_not_disturbed_by_a_build(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    with duckdb.connect(analytics_path, read_only=True) as reader:
        write_day(lake, date(2025, 2, 4), [claim("claim-20250204-000000", BEN, "CA", {"1": "1"}, received_date=FEB_3)])
        assert aggregate.build(lake, analytics_path).row_counts["claims_current"] == 6
        assert reader.execute("select count(*) from claims_current").fetchall() == [(5,)]


def test_of_two_builds_at_once_one_does_the_work(tmp_path: Path) -> None:
    lake, path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: aggregate.build(lake, path), range(2)))
    assert sorted(report.is_unchanged for report in reports) == [False, True]


def test_a_build_that_fails_leaves_the_published_file_and_nothing_else(tmp_path: Path) -> None:
    lake, analytics_path = write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb"
    aggregate.build(lake, analytics_path)
    before = analytics_path.read_bytes()
    lake.path(schema.CLAIMS, JAN_11).write_bytes(b"not Parquet")
    with pytest.raises(DataError, match=r"cannot be read.*day=2025-01-11"):
        aggregate.build(lake, analytics_path)
    assert analytics_path.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"lake", "a.duckdb", ".a.duckdb.lock"}


def test_what_a_killed_build_left_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".a.duckdb.4711.tmp").write_bytes(b"half")
    (tmp_path / ".a.duckdb.4711.tmp.wal").write_bytes(b"half")
    aggregate.build(write_example_lake(tmp_path / "lake"), tmp_path / "a.duckdb")
    assert {path.name for path in tmp_path.iterdir()} == {"lake", "a.duckdb", ".a.duckdb.lock"}


def test_a_lake_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no lake") as caught:
        aggregate.build(Lake(tmp_path / "lake"), tmp_path / "a.duckdb")
    assert caught.value.fix == "claims generate"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_lake_names_what_is_missing(tmp_path: Path) -> None:
    write_directory(Lake(tmp_path / "lake"))
    with pytest.raises(DataError, match="the lake has no claims, patients, coverages"):
        aggregate.build(Lake(tmp_path / "lake"), tmp_path / "a.duckdb")


def test_a_partition_with_other_types_is_refused(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    for day in lake.days(schema.CLAIMS):
        wrong = lake.read(schema.CLAIMS, day).with_columns(total_charge_amount=pl.lit(1.5))
        wrong.write_parquet(lake.path(schema.CLAIMS, day))
    with pytest.raises(DataError, match="total_charge_amount: Float64 instead of Decimal"):
        aggregate.build(lake, tmp_path / "a.duckdb")


def test_a_lake_whose_days_hold_no_claims_gives_empty_models(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    write_directory(lake)
    write_day(lake, JAN_10, [])
    assert set(aggregate.build(lake, tmp_path / "a.duckdb").row_counts.values()) == {0}


def test_a_folder_with_quotes_and_glob_characters_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] *home"
    report = aggregate.build(write_example_lake(folder / "lake"), folder / "a.duckdb")
    assert report.row_counts["claims_current"] == 5


@settings(max_examples=15, deadline=None)
@given(days=st.permutations([JAN_10, JAN_11, FEB_3]))
def test_the_order_in_which_days_are_written_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, days: list[date]
) -> None:
    folder = tmp_path_factory.mktemp("home")
    lake = Lake(folder / "lake")
    write_directory(lake)
    for day in days:
        statuses = {JAN_10: "draft", JAN_11: "active", FEB_3: "cancelled"}
        version = claim("claim-1-1", ANA, "TX", {"99213": "1.00"}, received_date=JAN_10)
        write_day(lake, day, [version | {"claim_status": statuses[day]}])
    aggregate.build(lake, folder / "a.duckdb")
    assert rows(folder / "a.duckdb", "select claim_status from claims_current") == [("cancelled",)]
