"""Families that cannot be are found."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.schema import COVERAGES, PATIENTS
from claims_pipeline_tests.lakes import rewrite

pytestmark = pytest.mark.heavy

DAY = date(2025, 3, 12)


def first_of(lake: Lake, relationship: str) -> dict[str, Any]:
    """Return the first coverage of the day with a relationship to the subscriber."""
    return lake.read(COVERAGES, DAY).filter(pl.col("relationship") == relationship).row(0, named=True)


def found(lake: Lake, check: str) -> set[tuple[str, str]]:
    """Return id and detail of the findings of a check."""
    return set(quality.findings(lake).filter(pl.col("check") == check).select("id", "detail").rows())


def test_a_feed_has_families_and_none_that_cannot_be(clean: Lake) -> None:
    assert clean.scan(COVERAGES).filter(pl.col("relationship") == "child").collect().height > 0
    assert quality.findings(clean).is_empty()


@pytest.mark.parametrize(("relationship", "born"), [("child", date(1998, 3, 1)), ("spouse", date(2012, 5, 1))])
def test_a_dependent_of_an_impossible_age_is_found(lake: Lake, relationship: str, born: date) -> None:
    dependent = first_of(lake, relationship)
    rewrite(lake, PATIENTS, DAY, pl.col("patient_id") == dependent["patient_id"], birth_date=born)
    ids = {id_ for id_, detail in found(lake, "relationships_plausible") if detail == f"{relationship}'s age"}
    assert ids == {dependent["coverage_id"]}


def test_a_child_may_be_covered_in_the_year_of_the_26th_birthday(lake: Lake) -> None:
    dependent = first_of(lake, "child")
    rewrite(lake, PATIENTS, DAY, pl.col("patient_id") == dependent["patient_id"], birth_date=date(1999, 2, 1))
    assert found(lake, "relationships_plausible") == set()


@pytest.mark.parametrize("values", [{"relationship": "self"}, {"dependent_number": 0}, {"relationship": "friend"}])
def test_a_dependent_who_is_called_a_subscriber_or_nothing_known_is_found(lake: Lake, values: dict[str, Any]) -> None:
    dependent = first_of(lake, "child")
    rewrite(lake, COVERAGES, DAY, pl.col("coverage_id") == dependent["coverage_id"], **values)
    assert {id_ for id_, _ in found(lake, "relationships_plausible")} == {dependent["coverage_id"]}


def test_a_subscriber_without_the_plan_is_found(lake: Lake) -> None:
    dependent = first_of(lake, "child")
    other = "plan-05" if dependent["plan_id"] != "plan-05" else "plan-06"
    rewrite(lake, COVERAGES, DAY, pl.col("coverage_id") == dependent["coverage_id"], plan_id=other)
    assert (dependent["coverage_id"], f"{dependent['subscriber_id']} does not have {other} then") in found(
        lake, "dependents_with_subscriber"
    )


def test_a_subscriber_who_is_not_among_the_patients_of_the_day_is_found(lake: Lake) -> None:
    dependent = first_of(lake, "child")
    rewrite(lake, COVERAGES, DAY, pl.col("coverage_id") == dependent["coverage_id"], subscriber_id="patient-999999")
    assert (dependent["coverage_id"], "subscriber_id patient-999999") in found(lake, "closed_references")


@pytest.mark.parametrize(("born", "is_found"), [(date(2007, 4, 2), True), (date(2007, 3, 31), False)])
def test_a_private_plan_held_by_a_minor_is_found(lake: Lake, born: date, is_found: bool) -> None:
    is_private = pl.col("plan_type").is_in(["ppo", "hmo", "high_deductible", "marketplace"])
    own = lake.read(COVERAGES, DAY).filter((pl.col("relationship") == "self") & is_private).row(0, named=True)
    rewrite(lake, COVERAGES, DAY, pl.col("coverage_id") == own["coverage_id"], coverage_start_date=date(2025, 4, 1))
    rewrite(lake, PATIENTS, DAY, pl.col("patient_id") == own["patient_id"], birth_date=born)
    ids = {id_ for id_, detail in found(lake, "relationships_plausible") if detail == "subscriber's age"}
    assert ids == ({own["coverage_id"]} if is_found else set())
