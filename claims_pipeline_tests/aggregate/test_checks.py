"""The checks of a published file find nothing in a good one, and each finds its own fault."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from claims_pipeline import aggregate, schema
from claims_pipeline.aggregate import CHECKS, MODELS, violations
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline_tests.aggregate.example_lake import (
    JAN_10,
    rows,
    write_day,
    write_directory,
    write_example_lake,
)

FEB_4 = date(2025, 2, 4)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    aggregate.build(write_example_lake(folder / "lake"), folder / "a.duckdb")
    return folder / "a.duckdb"


@pytest.fixture
def published(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path))


def faults(published: Path, *, after: str) -> set[str]:
    with duckdb.connect(published) as connection:
        connection.execute(after)
    return {check.name for check, count in violations(published).items() if count}


@pytest.mark.heavy
def test_a_generated_lake_passes_every_check(tmp_path: Path) -> None:
    first, last = date(2025, 11, 1), date(2025, 12, 31)
    lake = Lake(tmp_path / "lake")
    generate_range(lake, Feed(seed=5, patients=80, claims=400, start_date=first, end_date=last), start=first, end=last)
    aggregate.build(lake, tmp_path / "a.duckdb")
    assert violations(tmp_path / "a.duckdb") == dict.fromkeys(CHECKS, 0)


def test_every_model_is_checked_and_every_check_has_its_own_name() -> None:
    assert {check.model for check in CHECKS} == {model.name for model in MODELS}
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def test_a_row_that_is_there_twice_is_found_in_every_model(published: Path) -> None:
    def inserted_twice(model: aggregate.Model) -> str:
        keys = ", ".join(f"null as {name}" for name in model.key)
        return f"insert into {model.name} by name select {keys} from range(2)"  # noqa: S608

    found = faults(published, after="; ".join(map(inserted_twice, MODELS)))

    assert {f"{model.name}_has_unique_keys" for model in MODELS} <= found


LOST_OR_CHANGED = {
    "delete from claims_current where claim_id = 'claim-20250203-000000'": "claims_current_agrees_with_the_lake",
    "update claims_current set total_charge_amount = total_charge_amount + 0.01 where claim_status = 'draft'": (
        "claims_current_agrees_with_the_lake"
    ),
    "delete from claim_lines where hcpcs_code = '85025'": "claim_lines_agrees_with_the_lake",
    "insert into claim_lines select * from claim_lines limit 1": "claim_lines_agrees_with_the_lake",
    "update claim_lines set charge_amount = charge_amount + 0.01 where hcpcs_code = '99214'": (
        "claim_lines_agrees_with_the_lake"
    ),
    "delete from claim_versions where version_number = 2": "claim_versions_agrees_with_the_lake",
    "delete from patients_current where patient_id = 'patient-000001'": "patients_current_agrees_with_the_lake",
    "delete from coverages_current where payer_id = 'payer-02'": "coverages_current_agrees_with_the_lake",
}


@pytest.mark.parametrize("fault", LOST_OR_CHANGED)
def test_what_is_lost_or_changed_on_the_way_from_the_lake_is_found(published: Path, fault: str) -> None:
    found = {name for name in faults(published, after=fault) if name.endswith("_agrees_with_the_lake")}

    assert found == {LOST_OR_CHANGED[fault]}


def test_the_totals_of_the_lake_count_each_id_once(built: Path) -> None:
    assert dict(rows(built, "select table_name, id_count from lake_totals")) == {
        "claims": 5,
        "coverages": 4,
        "patients": 3,
        "practitioners": 1,
        "locations": 1,
        "organizations": 1,
        "payers": 2,
    }
    charges = "charge_amount, version_count, line_count, line_charge_amount"
    assert set(rows(built, f"select {charges} from lake_totals")) == {  # noqa: S608
        (Decimal("811.00"), 6, 7, Decimal("811.00")),
        (None, None, None, None),
    }


def test_a_claim_whose_last_version_has_no_lines_counts_none_of_its_earlier_ones(tmp_path: Path) -> None:
    lake = write_example_lake(tmp_path / "lake")
    [first, *_] = lake.read(schema.CLAIMS, JAN_10).to_dicts()
    write_day(lake, FEB_4, [first | {"version_number": 3, "lines": []}])
    aggregate.build(lake, tmp_path / "a.duckdb")

    [totals] = rows(tmp_path / "a.duckdb", "select line_count, line_charge_amount from lake_totals limit 1")

    assert totals == (5, Decimal("640.50"))
    assert violations(tmp_path / "a.duckdb") == dict.fromkeys(CHECKS, 0)


SUMMED = [check.model for check in CHECKS if check.name.endswith("_adds_up")]


def test_a_line_that_is_lost_is_found(published: Path) -> None:
    assert "claim_lines_adds_up" in faults(
        published, after="delete from claim_lines where rowid = (select min(rowid) from claim_lines)"
    )


def test_a_total_that_is_wrong_in_the_lake_is_no_fault_of_the_models(published: Path) -> None:
    """The check total_is_sum of claims has it, and one alert is enough."""
    wrong = "update claims_current set total_charge_amount = total_charge_amount + 1 where claim_status = 'draft'"
    assert not {"claim_lines_adds_up"} & faults(published, after=wrong)


@pytest.mark.parametrize("model", [model for model in SUMMED if model != "claim_lines"])
def test_a_sum_that_is_off_is_found(published: Path, model: str) -> None:
    columns = {column.name for one in MODELS if one.name == model for column in one.columns}
    (amount,) = columns & {"active_charge_amount", "charge_amount", "member_count"}
    active = "where claim_status = 'active'" if "claim_status" in columns else ""
    first = f"(select min(rowid) from {model} {active})"  # noqa: S608
    more = f"update {model} set {amount} = {amount} + 1 where rowid = {first}"  # noqa: S608
    assert f"{model}_adds_up" in faults(published, after=more)


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if check.name.endswith("_is_known")], ids=lambda check: check.name
)
def test_a_row_that_refers_to_nothing_is_found(published: Path, check: aggregate.Check) -> None:
    parent = check.meaning.removesuffix(".").split()[-1]
    assert check.name in faults(published, after=f"delete from {parent}")  # noqa: S608


@pytest.mark.heavy
def test_a_lake_without_claims_passes_every_check(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    write_directory(lake)
    write_day(lake, JAN_10, [])
    aggregate.build(lake, tmp_path / "a.duckdb")
    assert violations(tmp_path / "a.duckdb") == dict.fromkeys(CHECKS, 0)
