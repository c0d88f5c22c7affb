"""The reference tables are broad, consistent with each other, and say where their figures come from."""

from datetime import date
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from claims_pipeline.quality.content import HCPCS, ICD_10_CM
from claims_pipeline.reference import (
    conversion_factors,
    diagnosis_labels,
    place_of_service_labels,
    procedure_labels,
    read_table,
    reasons_of_stories,
)
from claims_pipeline.reference.holidays import federal_holidays

DATA = files("claims_pipeline.reference") / "data"
NAMES = sorted(path.name.removesuffix(".csv") for path in DATA.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_what_it_is_and_from_where(name: str) -> None:
    assert (DATA / f"{name}.csv").read_text(encoding="utf-8").startswith("# ")
    assert read_table(name).height > 0


@pytest.mark.parametrize(
    ("name", "least"),
    [("procedures", 180), ("diagnoses", 160), ("cities", 25), ("plans", 7), ("first_names", 60), ("last_names", 60)],
)
def test_tables_are_broad(name: str, least: int) -> None:
    assert read_table(name).height >= least


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("procedures", "hcpcs_code"),
        ("diagnoses", "diagnosis_code"),
        ("places_of_service", "place_of_service_code"),
        ("specialties", "specialty"),
        ("plans", "plan_id"),
        ("conditions", "condition"),
        ("stories", "story"),
        ("first_names", "first_name"),
        ("last_names", "last_name"),
    ],
)
def test_keys_are_unique(name: str, key: str) -> None:
    assert read_table(name)[key].n_unique() == read_table(name).height


@pytest.mark.parametrize(
    ("table", "column", "other", "key"),
    [
        ("plans", "payer_id", "payers", "payer_id"),
        ("specialties", "site", "sites", "site"),
        ("sites", "place_of_service_code", "places_of_service", "place_of_service_code"),
        ("conditions", "specialist", "specialties", "specialty"),
        ("condition_codes", "diagnosis_code", "diagnoses", "diagnosis_code"),
        ("story_lines", "story", "stories", "story"),
        ("story_lines", "adds", "diagnoses", "diagnosis_code"),
        ("story_lines", "principal", "diagnoses", "family"),
        ("story_lines", "any", "diagnoses", "family"),
        ("story_settings", "family", "diagnoses", "family"),
        ("stories", "people", "people_profiles", "people"),
        ("stories", "season", "season_profiles", "season"),
        ("stories", "week", "week_profiles", "week"),
    ],
)
def test_tables_refer_to_each_other(table: str, column: str, other: str, key: str) -> None:
    named = set(read_table(table)[column].drop_nulls())
    assert named <= set(read_table(other)[key])


def test_every_story_has_reasons_settings_and_lines() -> None:
    stories = read_table("stories")
    assert set(read_table("story_settings")["story"]) == set(stories["story"])
    with_reasons = set(stories.filter(pl.col("draw") != "after")["story"])
    assert set(reasons_of_stories()["story"]) == set(read_table("story_lines")["story"]) == with_reasons


def test_codes_have_the_form_of_their_system_and_none_is_retired() -> None:
    procedures, diagnoses = set(procedure_labels()), set(diagnosis_labels())
    assert pl.Series(list(procedures)).str.contains(HCPCS).all()
    assert pl.Series(list(diagnoses)).str.contains(ICD_10_CM).all()
    assert not (procedures | diagnoses) & set(read_table("retired_codes")["code"])


def test_the_families_of_services_asked_for_are_there() -> None:
    codes = set(procedure_labels())
    assert {f"992{level}" for level in ("02", "03", "04", "05", "11", "12", "13", "14", "15")} <= codes
    assert {"99385", "99386", "99387", "99395", "99396", "99397"} <= codes
    assert {"99281", "99282", "99283", "99284", "99285"} <= codes
    assert {"12001", "11042", "96372", "90471", "97110", "90837", "77067", "84153", "83036"} <= codes
    assert "99201" not in codes


def test_all_plan_types_are_offered() -> None:
    types = {"ppo", "hmo", "high_deductible", "marketplace", "medicare", "medicare_advantage", "medicaid"}
    assert set(read_table("plans")["plan_type"]) == types


def test_labels_are_short_and_complete() -> None:
    for labels in (procedure_labels(), diagnosis_labels(), place_of_service_labels()):
        assert all(0 < len(label) <= 70 for label in labels.values())


def test_federal_holidays_are_kept_on_working_days() -> None:
    days = {holiday.name: holiday.day for holiday in federal_holidays(2026)}
    assert days["Independence Day"] == date(2026, 7, 3)  # the fourth is a Saturday
    assert days["Memorial Day"] == date(2026, 5, 25)
    assert days["Labor Day"] == date(2026, 9, 7)
    assert days["Thanksgiving Day"] == date(2026, 11, 26)
    assert all(day.weekday() < 5 for day in days.values())


def test_the_conversion_factor_is_that_of_the_day() -> None:
    days = [date(2022, 1, 1), date(2023, 6, 1), date(2024, 3, 8), date(2024, 3, 9), date(2027, 1, 1)]
    numbers = np.array([(day - date(1970, 1, 1)).days for day in days])
    assert conversion_factors(numbers).tolist() == [33.8872, 33.8872, 32.7442, 33.2875, 32.3464]


@pytest.mark.parametrize("code", ["93000", "93015"])
def test_a_global_code_is_not_split_by_modifiers(code: str) -> None:
    """Their PC/TC indicator is 4: the tracing and the interpretation are codes of their own."""
    assert read_table("procedures").filter(hcpcs_code=code)["professional_share"].to_list() == [0]


def test_every_city_has_zip_codes_of_its_own() -> None:
    codes = read_table("zip_codes")
    assert codes["zip_code"].n_unique() == codes.height
    assert codes["zip_code"].str.contains(r"^\d{5}$").all()
    of_city = codes.group_by("city", "state").len()
    cities = read_table("cities").join(of_city, on=["city", "state"], how="left")
    assert cities["len"].min() >= 10  # type: ignore[operator]
    assert of_city.height == cities.height


@pytest.mark.parametrize(
    ("code", "total_rvu"), [("29515", 2.15), ("73110", 1.23), ("96127", 0.14), ("99386", 4.41), ("99387", 4.80)]
)
def test_fees_are_relative_values_times_the_conversion_factor(code: str, total_rvu: float) -> None:
    """Totals of CMS's relative value file RVU23A."""
    fee = read_table("procedures").filter(hcpcs_code=code)["medicare_fee_amount"].item()
    assert fee == pytest.approx(total_rvu * 33.8872, abs=0.006)


def test_every_row_of_the_calibration_has_a_source() -> None:
    rows = read_table("calibration")["row"].unique(maintain_order=True)
    assert rows.to_list() == read_table("calibration_sources")["row"].to_list() == [*range(1, len(rows) + 1)]


@pytest.mark.parametrize("code", ["M81.0", "R73.03", "E55.9", "G47.33", "D64.9"])
def test_what_is_not_urgent_is_seen_by_the_own_doctor(code: str) -> None:
    family = read_table("diagnoses").row(by_predicate=pl.col("diagnosis_code") == code, named=True)["family"]
    settings = read_table("story_settings").filter((pl.col("story") == "acute") & (pl.col("family") == family))

    assert set(settings["specialty"]) == {"own_doctor"}
