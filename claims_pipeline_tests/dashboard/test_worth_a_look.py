"""Outliers and anomalies, against the same computed in plain Python."""

from datetime import date, timedelta
from math import log
from statistics import median

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.anomalies import anomalies, unusual
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.outliers import OutlierQuery, cost_outliers
from claims_pipeline.lake import Lake
from claims_pipeline.reference import specialty_labels
from claims_pipeline_tests.dashboard.generated_lake import latest

pytestmark = pytest.mark.heavy  # a generated lake


def test_the_outliers_are_those_with_a_robust_z_above_the_limit(lake: Lake, view: View) -> None:
    doctors = pl.read_parquet(lake.path(schema.PRACTITIONERS)).select("practitioner_id", "specialty")
    claims = latest(lake, schema.CLAIMS).join(doctors, on="practitioner_id")
    by_specialty: dict[str, dict[str, float]] = {}
    for claim in claims.filter(pl.col("claim_status") == "active").to_dicts():
        by_specialty.setdefault(claim["specialty"], {})[claim["claim_id"]] = log(claim["total_charge_amount"])
    expected: dict[str, float] = {}
    for logs in by_specialty.values():
        center = median(logs.values())
        spread = median(abs(one - center) for one in logs.values())
        if len(logs) >= 8 and spread > 1e-9:
            scores = {claim_id: 0.6745 * (one - center) / spread for claim_id, one in logs.items()}
            expected |= {claim_id: score for claim_id, score in scores.items() if abs(score) > 3.5}
    assert expected, "the lake has no outlier to find"
    found = cost_outliers(view, OutlierQuery(of="claims", count=1000))
    assert {one.value: one.score for one in found} == pytest.approx(expected, abs=0.051)
    assert all(f"peers in {specialty_labels()[one.specialty]} (" in one.reason for one in found)


def test_the_outliers_of_all_claims_are_those_of_the_model_and_of_a_filter_that_selects_all(view: View) -> None:
    from_the_model = cost_outliers(view, OutlierQuery(of="claims", count=1000))
    chosen = cost_outliers(view, OutlierQuery(of="claims", count=1000, received_from=date(2025, 1, 1)))
    assert from_the_model
    assert "with" not in from_the_model[0].sql
    assert [one.model_dump(exclude={"sql"}) for one in chosen] == [
        one.model_dump(exclude={"sql"}) for one in from_the_model
    ]


def test_a_status_filter_decides_which_charges_are_compared(lake: Lake, view: View) -> None:
    claims = latest(lake, schema.CLAIMS)
    statuses = dict(claims.select("claim_id", "claim_status").rows())
    found = cost_outliers(view, OutlierQuery(of="claims", count=1000, status=["cancelled", "draft"]))
    assert {statuses[one.value] for one in found} <= {"cancelled", "draft"}
    everyone = cost_outliers(view, OutlierQuery(of="claims", count=1000, status=["active", "cancelled", "draft"]))
    assert {statuses[one.value] for one in everyone} > {"active"}


def test_a_provider_with_few_claims_is_no_outlier(view: View) -> None:
    assert all(one.claim_count >= 10 for one in cost_outliers(view, OutlierQuery()))


def test_a_day_with_twice_the_claims_of_its_weekday_is_unusual() -> None:
    days = [date(2025, 1, 6) + timedelta(days=number) for number in range(84)]
    values = {day: (10.0 if day.weekday() > 4 else 100.0) + day.day % 5 for day in days}
    values[date(2025, 3, 12)] = 250.0
    values[date(2025, 3, 15)] = 30.0  # a Saturday, on which chance alone may treble the claims
    [found] = unusual(values, values, "day", "claims")
    assert (found.first_day, found.last_day, found.value) == (date(2025, 3, 12), date(2025, 3, 12), 250.0)
    assert found.reason.startswith("250 claims received, more than the usual 10")
    assert "of a Wednesday" in found.reason


def test_an_unusual_day_or_week_with_a_federal_holiday_names_it() -> None:
    days = [date(2025, 9, 1) + timedelta(days=number) for number in range(91)]
    values = {day: 100.0 + day.day % 5 for day in days}
    values[date(2025, 11, 27)], values[date(2025, 11, 12)], values[date(2025, 11, 11)] = 9.0, 10.0, 400.0
    more, other, holiday = unusual(values, values, "day", "claims")
    assert holiday.reason.endswith("of a Thursday in the weeks before (Thanksgiving Day)")
    assert other.reason.endswith("of a Wednesday in the weeks before")
    assert more.reason.endswith("of a Tuesday in the weeks before")  # Veterans Day does not explain more claims
    weeks = {date(2021, 9, 6) + timedelta(weeks=number): 700.0 + number % 2 for number in range(17)}
    [week] = unusual(weeks | {date(2021, 12, 27): 300.0}, weeks, "week", "claims")
    assert week.reason.endswith("of a week in the weeks before (New Year's Day)")  # kept on Friday, December 31


def test_an_even_or_short_course_has_nothing_unusual(view: View) -> None:
    even = {date(2025, 1, 6) + timedelta(days=number): 50.0 for number in range(84)}
    assert unusual(even, even, "day", "claims") == []
    assert anomalies(view, Filters(received_from=date(2025, 2, 1), received_to=date(2025, 2, 20))) == []
