"""A generated lake has no finding; a planted fault is found, and nothing else."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS, PRACTITIONERS, Table

DAY = date(2025, 3, 12)


def change(lake: Lake, table: Table, edit: Callable[[pl.DataFrame], pl.DataFrame], day: date | None = DAY) -> None:
    with lake.writer() as writer:
        writer.add(table, edit(lake.read(table, day)), day)


def first_claim(lake: Lake) -> str:
    return str(lake.read(CLAIMS, DAY)["claim_id"][0])


def first_patient(lake: Lake) -> str:
    """Return the first patient of the day whose own policy a coverage of the day is of."""
    coverages = lake.read(COVERAGES, DAY)
    return str(coverages.filter(pl.col("relationship") == "self")["patient_id"][0])


def of_first(column: str, value: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return an edit that sets a column of the first row."""
    return lambda rows: rows.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(value.cast(rows.schema[column])).otherwise(column).alias(column)
    )


def of_lines(**values: pl.Expr) -> pl.Expr:
    return pl.col("lines").list.eval(pl.element().struct.with_fields(**values))


@pytest.mark.heavy
def test_a_generated_lake_has_no_finding(clean: Lake) -> None:
    report = quality.check(clean)
    assert report.total == 0
    assert len(report.counts) == len(quality.CHECKS)


def test_the_rule_of_each_check_is_one_line_of_plain_text() -> None:
    for check in quality.CHECKS:
        assert check.meaning, check.name
        assert not set(check.meaning) & {"`", "\n"}, check.name
        assert "  " not in check.meaning, check.name


FIELD = pl.element().struct.field


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("check", "column", "value"),
    [
        ("closed_references", "practitioner_id", pl.lit("practitioner-999999")),
        ("closed_references", "patient_id", pl.lit("patient-999999")),
        ("service_within_coverage", "coverage_id", pl.col("coverage_id").last()),
        ("dates_in_order", "claim_end_date", pl.col("claim_start_date") - pl.duration(days=1)),
        ("received_by_its_day", "received_date", pl.lit(date(2025, 3, 13))),
        ("values_valid", "claim_status", pl.lit(None)),
        ("values_valid", "lines", pl.lit(None)),
        ("complete_claims", "claim_status", pl.lit("paid")),
        ("complete_claims", "lines", of_lines(claim_line_number=FIELD("claim_line_number") + 1)),
        ("complete_claims", "lines", of_lines(diagnosis_pointers=pl.lit([9], dtype=pl.List(pl.Int32)))),
        ("codes_valid", "lines", of_lines(hcpcs_code=pl.lit("99201"))),
        ("codes_valid", "diagnosis_codes", pl.lit(["M54.5"])),
        ("codes_valid", "diagnosis_codes", pl.lit(["not a code"])),
        ("codes_known", "diagnosis_codes", pl.lit(["B20"])),
        ("codes_fit_patient", "lines", of_lines(hcpcs_code=pl.lit("99384"))),
        ("charges_positive", "lines", of_lines(charge_amount=FIELD("charge_amount") * 0)),
        ("charges_positive", "lines", of_lines(unit_count=FIELD("unit_count") + 1)),
        ("total_is_sum", "total_charge_amount", pl.col("total_charge_amount") + Decimal("0.01")),
        ("npi_check_digits", "rendering_npi", pl.lit("9000000008")),
        ("identifiers_agree", "rendering_npi", pl.col("billing_npi")),
        ("identifiers_agree", "patient_name", pl.lit("Somebody Else")),
        ("identifiers_agree", "facility_city", pl.lit("Atlantis")),
        ("identifiers_agree", "organization_id", pl.lit("organization-0002")),
        ("header_fits_lines", "place_of_service_code", pl.lit("99")),
        ("header_fits_lines", "lines", of_lines(line_service_date=FIELD("line_service_date") + pl.duration(days=1))),
    ],
)
def test_a_planted_fault_of_a_claim_is_found(lake: Lake, check: str, column: str, value: pl.Expr) -> None:
    change(lake, CLAIMS, of_first(column, value))
    found = quality.findings(lake)
    assert (check, "claims", DAY, first_claim(lake)) in found.select("check", "table", "day", "id").rows()
    assert set(found["day"]) == {DAY}


def test_a_claim_twice_in_a_day_is_found(lake: Lake) -> None:
    change(lake, CLAIMS, lambda rows: pl.concat([rows, rows.head(1)]).sort("claim_id"))
    found = quality.findings(lake)
    assert found.select("check", "id").rows() == [("unique_ids", first_claim(lake))]


def test_a_later_version_on_the_day_of_the_first_is_found(lake: Lake) -> None:
    is_first = pl.col("version_number") == 1
    claims = lake.read(CLAIMS, DAY).filter(is_first)["claim_id"].to_list()
    change(
        lake,
        CLAIMS,
        lambda rows: rows.with_columns(version_number=pl.when(is_first).then(2).otherwise("version_number")),
    )
    found = quality.findings(lake).filter(check="received_by_its_day")
    assert found["id"].to_list() == claims


def test_a_claim_without_lines_or_diagnoses_has_no_other_finding(lake: Lake) -> None:
    change(lake, CLAIMS, of_first("lines", pl.lit(None)))
    change(lake, CLAIMS, of_first("diagnosis_codes", pl.lit(None)))
    found = quality.findings(lake).filter(id=first_claim(lake))
    assert set(found["check"]) == {"values_valid"}


def test_a_claim_without_an_id_is_found_by_its_row(lake: Lake) -> None:
    change(lake, CLAIMS, of_first("claim_id", pl.lit(None)))
    report = quality.check(lake)
    assert f"values_valid  claims/{DAY}  claim_id has no value (row 1)" in report.render()


def test_a_patient_who_is_missing_on_the_day_is_found(lake: Lake) -> None:
    gone = first_patient(lake)
    change(lake, PATIENTS, lambda rows: rows.filter(pl.col("patient_id") != gone))
    details = quality.findings(lake)["detail"]
    assert set(details) == {f"patient_id {gone}", f"subscriber_id {gone}"}


def test_a_coverage_that_ends_before_the_service_is_found(lake: Lake) -> None:
    change(lake, COVERAGES, of_first("coverage_end_date", pl.col("coverage_start_date")))
    assert "service_within_coverage" in set(quality.findings(lake)["check"])


def test_a_wrong_npi_in_the_directory_is_found(lake: Lake) -> None:
    change(lake, PRACTITIONERS, of_first("npi", pl.lit("9000000000")), day=None)
    found = quality.findings(lake, [DAY]).filter(pl.col("table") == "practitioners")
    assert found.select("check", "table", "day", "id").rows() == [
        ("npi_check_digits", "practitioners", None, "practitioner-0001")
    ]


def test_only_the_days_asked_for_are_checked(lake: Lake) -> None:
    change(lake, CLAIMS, of_first("claim_status", pl.lit("paid")))
    assert quality.findings(lake, [date(2025, 3, 13)]).height == 0


def test_the_report_counts_and_shows_findings(lake: Lake) -> None:
    change(lake, CLAIMS, of_first("claim_status", pl.lit("paid")))
    report = quality.check(lake)
    assert report.total == 1
    assert report.render().endswith("1 finding")
    assert f"complete_claims  claims/{DAY}  {first_claim(lake)}" in report.render()
    assert report.to_json()["checks"]["complete_claims"] == 1


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("check", "column", "value"),
    [
        ("dates_in_order", "death_date", pl.col("birth_date") - pl.duration(days=1)),
        ("dates_in_order", "death_date", pl.lit(date(2025, 3, 13))),
        ("demographics_known", "gender", pl.lit("unknown")),
        ("demographics_known", "gender", pl.lit(None)),
        ("demographics_known", "birth_date", pl.lit(None)),
        ("demographics_known", "birth_date", pl.lit(date(1890, 1, 1))),
        ("demographics_known", "last_name", pl.lit(" ")),
        ("places_exist", "state", pl.lit("ZZ")),
        ("places_exist", "zip_code", pl.lit("00000")),
        ("places_exist", "zip_code", pl.lit(None)),
        ("places_exist", "zip_code", pl.lit("99501")),
        ("places_exist", "city", pl.lit("")),
        ("places_exist", "address_line", pl.lit(None)),
    ],
)
def test_a_planted_fault_of_a_patient_is_found(lake: Lake, check: str, column: str, value: pl.Expr) -> None:
    change(lake, PATIENTS, of_first(column, value))
    found = quality.findings(lake)
    patient = str(lake.read(PATIENTS, DAY)["patient_id"][0])
    assert (check, "patients", DAY, patient) in found.select("check", "table", "day", "id").rows()


def test_two_practitioners_with_one_npi_are_found(lake: Lake) -> None:
    change(lake, PRACTITIONERS, lambda rows: rows.with_columns(npi=pl.col("npi").first()), day=None)
    found = quality.findings(lake, [DAY])
    assert found.filter(pl.col("check") == "npis_unique").height == lake.read(PRACTITIONERS).height


def second_coverage(plan_type: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return an edit that leaves the first coverage, with Medicare, and adds another of the person on the same days."""
    changes = {"coverage_id": pl.lit("coverage-x"), "plan_type": pl.lit(plan_type), "member_id": pl.lit("M1")}
    return lambda rows: pl.concat(
        [rows.head(1).with_columns(plan_type=pl.lit("medicare")), rows.head(1).with_columns(**changes)]
    ).sort("coverage_id")


@pytest.mark.heavy
@pytest.mark.parametrize(("plan_type", "is_found"), [("ppo", True), ("medicaid", False)])
def test_coverages_that_overlap_are_found_but_for_dual_eligibles(lake: Lake, plan_type: str, is_found: bool) -> None:
    person = lake.read(COVERAGES, DAY)["patient_id"][0]
    change(lake, COVERAGES, second_coverage(plan_type))
    found = quality.findings(lake).filter(pl.col("check") == "coverages_apart")
    assert (found.height > 0) == is_found
    coverages = lake.scan(COVERAGES).filter(pl.col("patient_id") == person).collect()["coverage_id"]
    assert set(found["id"]) <= set(coverages)


@pytest.mark.heavy
def test_a_member_number_of_two_people_is_found(lake: Lake) -> None:
    payer = lake.read(COVERAGES, DAY)["payer_id"].mode()[0]
    is_payer = pl.col("payer_id") == payer
    edit = pl.when(is_payer & (pl.col("dependent_number") == 0)).then(pl.lit("M1")).otherwise("member_id")
    change(lake, COVERAGES, lambda rows: rows.with_columns(member_id=edit))
    found = quality.findings(lake).filter(pl.col("check") == "member_numbers_unique")
    subscribers = lake.read(COVERAGES, DAY).filter(is_payer, pl.col("dependent_number") == 0)
    assert set(found["id"]) == set(subscribers["coverage_id"])
    assert found.height > 1


@pytest.mark.heavy
@pytest.mark.parametrize(("status", "is_found"), [("active", True), ("cancelled", False)])
def test_the_same_claim_under_another_id_is_found(lake: Lake, status: str, is_found: bool) -> None:
    copy = {"claim_id": pl.lit("claim-20250312-999999"), "claim_status": pl.lit(status)}
    active = (pl.col("claim_status") == "active") & (pl.col("version_number") == 1)
    change(lake, CLAIMS, lambda rows: pl.concat([rows, rows.filter(active).head(1).with_columns(**copy)]))
    found = quality.findings(lake)
    assert found.select("check", "id").rows() == [("claims_not_repeated", "claim-20250312-999999")] * is_found


def test_a_claim_again_with_another_level_of_the_visit_is_found(lake: Lake) -> None:
    other = FIELD("hcpcs_code").replace({"99212": "99213", "99213": "99214", "99214": "99215"})
    is_visit = pl.col("lines").list.eval(FIELD("hcpcs_code").is_in(["99212", "99213", "99214"])).list.any()
    copy = {"claim_id": pl.lit("claim-20250312-999999"), "lines": of_lines(hcpcs_code=other)}
    wanted = (pl.col("claim_status") == "active") & (pl.col("version_number") == 1) & is_visit
    change(lake, CLAIMS, lambda rows: pl.concat([rows, rows.filter(wanted).head(1).with_columns(**copy)]))
    found = quality.findings(lake)
    assert ("claims_not_nearly_repeated", "claim-20250312-999999") in found.select("check", "id").rows()
