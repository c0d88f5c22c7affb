"""Outliers and anomalies, against the same computed in plain Python."""

import shutil
from datetime import date, timedelta
from math import log
from pathlib import Path
from statistics import median
from typing import Any, Literal

import duckdb
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.aggregate import MODELS
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.anomalies import Anomaly, anomalies, anomalies_sql, anomaly
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.outliers import OutlierQuery, Outliers, cost_outliers
from claims_pipeline.lake import Lake
from claims_pipeline.reference import specialty_labels
from claims_pipeline_tests.dashboard.conftest import ANALYTICS
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
    found = cost_outliers(view, OutlierQuery(of="claims", count=1000)).items
    assert {one.value: one.score for one in found} == pytest.approx(expected, abs=0.051)
    assert all(f"peers in {specialty_labels()[one.specialty]} (" in one.reason for one in found)


def test_the_outliers_of_all_claims_are_those_of_the_model_and_of_a_filter_that_selects_all(view: View) -> None:
    from_the_model = cost_outliers(view, OutlierQuery(of="claims", count=1000))
    chosen = cost_outliers(view, OutlierQuery(of="claims", count=1000, received_from=date(2025, 1, 1)))
    assert from_the_model.items
    assert "with" not in from_the_model.sql
    assert chosen.items == from_the_model.items


def test_a_status_filter_decides_which_charges_are_compared(lake: Lake, view: View) -> None:
    claims = latest(lake, schema.CLAIMS)
    statuses = dict(claims.select("claim_id", "claim_status").rows())
    found = cost_outliers(view, OutlierQuery(of="claims", count=1000, status=["cancelled", "draft"])).items
    assert {statuses[one.value] for one in found} <= {"cancelled", "draft"}
    everyone = cost_outliers(view, OutlierQuery(of="claims", count=1000, status=["active", "cancelled", "draft"])).items
    assert {statuses[one.value] for one in everyone} > {"active"}


def test_a_provider_with_few_claims_is_no_outlier(view: View) -> None:
    assert all(one.claim_count >= 10 for one in cost_outliers(view, OutlierQuery()).items)


def unusual(claims: dict[date, float], charges: dict[date, float] | None = None) -> list[Anomaly]:
    """Return what is unusual in the claims of some days, whose charges are always the same unless given."""
    amounts = [(charges or {}).get(day, 1.0) for day in claims]
    by_day = pl.DataFrame({"day": claims.keys(), "claims": claims.values(), "charges": amounts})
    with duckdb.connect() as connection:
        connection.register("by_day", by_day.to_arrow())
        sql = anomalies_sql("from by_day", min(claims), max(claims))
        rows = connection.sql(sql).to_arrow_table().to_pylist()
    return [anomaly(row) for row in rows]


def test_a_day_with_twice_the_claims_of_its_weekday_is_unusual() -> None:
    days = [date(2025, 1, 6) + timedelta(days=number) for number in range(84)]
    values = {day: (10.0 if day.weekday() > 4 else 100.0) + day.day % 5 for day in days}
    values[date(2025, 3, 12)] = 250.0
    values[date(2025, 3, 15)] = 30.0  # a Saturday, on which chance alone may treble the claims
    [found] = [one for one in unusual(values) if one.grain == "day"]
    assert (found.first_day, found.last_day, found.value) == (date(2025, 3, 12), date(2025, 3, 12), 250.0)
    assert found.reason.startswith("250 claims received, more than the usual 10")
    assert "of a Wednesday" in found.reason
    assert found.holidays == []


def test_charges_below_zero_are_as_unusual_as_none() -> None:
    days = [date(2025, 1, 6) + timedelta(days=number) for number in range(84)]
    values = {day: 100.0 + day.day % 5 for day in days}
    below, none = (unusual(values, values | {date(2025, 3, 12): charges}) for charges in (-5.0, 0.0))
    assert ("day", -5.0) in {(one.grain, one.value) for one in below}
    assert [one.score for one in below if one.grain == "day"] == [one.score for one in none if one.grain == "day"]


def test_a_day_without_claims_is_unusual_too() -> None:
    days = [date(2025, 1, 6) + timedelta(days=number) for number in range(84)]
    values = {day: 100.0 + day.day % 5 for day in days if day != date(2025, 3, 12)}
    [found] = [one for one in unusual(values) if one.grain == "day"]
    assert (found.first_day, found.value) == (date(2025, 3, 12), 0.0)


def test_an_unusual_day_or_week_with_a_federal_holiday_names_it() -> None:
    days = [date(2025, 9, 1) + timedelta(days=number) for number in range(91)]
    values = {day: 100.0 + day.day % 5 for day in days}
    values[date(2025, 11, 27)], values[date(2025, 11, 12)], values[date(2025, 11, 11)] = 9.0, 10.0, 400.0
    holiday, other, more = [one for one in unusual(values) if one.grain == "day"]
    assert holiday.reason.endswith("of a Thursday in the weeks before (Thanksgiving Day)")
    assert holiday.holidays == ["Thanksgiving Day"]
    assert other.reason.endswith("of a Wednesday in the weeks before")
    assert more.reason.endswith("of a Tuesday in the weeks before")  # Veterans Day does not explain more claims
    assert other.holidays == more.holidays == []
    weeks = {date(2021, 9, 6) + timedelta(days=number): 100.0 + number // 7 % 2 for number in range(17 * 7)}
    weeks |= {date(2021, 12, 27) + timedelta(days=number): 43.0 for number in range(7)}
    [week] = [one for one in unusual(weeks) if one.grain == "week"]
    assert week.reason.endswith("of a week in the weeks before (New Year's Day)")  # kept on Friday, December 31


def test_a_week_that_is_not_complete_is_not_compared() -> None:
    days = [date(2025, 1, 6) + timedelta(days=number) for number in range(80)]  # the last week has three days
    assert [one for one in unusual({day: 100.0 + day.day % 5 for day in days}) if one.grain == "week"] == []


def test_an_even_or_short_trend_has_nothing_unusual(view: View) -> None:
    even = {date(2025, 1, 6) + timedelta(days=number): 50.0 for number in range(84)}
    assert unusual(even) == []
    assert anomalies(view, Filters(received_from=date(2025, 2, 1), received_to=date(2025, 2, 20))).items == []


@pytest.fixture
def uneven(lake: Lake, tmp_path: Path) -> Path:
    """The analytics of the generated lake with days that have more claims than others; the lake's own are even."""
    path = Path(shutil.copy(lake.root.with_name(ANALYTICS), tmp_path))
    with duckdb.connect(path) as connection:
        connection.execute("update claims_by_day set claim_count = claim_count + day(received_date) % 5")
    return path


@pytest.mark.parametrize(
    "filters", [Filters(), Filters(status=["active"], received_from=date(2025, 1, 5)), Filters(gender=["female"])]
)
def test_the_sql_of_the_anomalies_gives_them(uneven: Path, filters: Filters, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("ANOMALY_SCORE", "FEWEST_CLAIMS", "SMALLEST_RATIO"):  # the lake is too small to have some otherwise
        monkeypatch.setattr(f"claims_pipeline.dashboard.anomalies.{limit}", 1)
    found = anomalies(View(uneven), filters)
    assert {(one.grain, one.measured) for one in found.items} >= {("day", "claims"), ("day", "charges")}
    assert rows_of(uneven, found.sql) == [one.model_dump(exclude={"holidays", "reason"}) for one in found.items]


@pytest.fixture
def visits(lake: Lake, tmp_path: Path) -> Path:
    """Analytics of ten family doctors with 40 established visits each, whose levels are 3 and 4 but for three of them.

    Visits of doctor 7 are of level 5, a few of 8 of level 5 too, and the 20 of 9.
    """
    path = Path(shutil.copy(lake.root.with_name(ANALYTICS), tmp_path))
    with duckdb.connect(path) as connection:
        connection.execute(
            "create or replace table claims_current as select i as claim_number, 'active' as claim_status, "
            "date '2025-01-01' + (i % 40)::integer as received_date, 'doctor-' || i // 40 as practitioner_id, "
            "'Doctor ' || i // 40 as practitioner_name, 'family_medicine' as specialty from range(380) as t(i)"
        )
        connection.execute(
            "create or replace table claim_lines as select claim_number, received_date, claim_status, case "
            "when practitioner_id in ('doctor-7', 'doctor-9') or practitioner_id = 'doctor-8' and n < 16 then '99215' "
            "when n < 20 + claim_number // 40 then '99214' else '99213' end as hcpcs_code "
            "from (select *, claim_number % 40 as n from claims_current)"
        )
        [model] = [one for one in MODELS if one.name == "visit_outliers"]
        connection.execute(f"create or replace table visit_outliers as {model.sql}")
    return path


def test_a_provider_who_codes_all_visits_highest_is_found_and_who_codes_a_little_higher_is_not(visits: Path) -> None:
    [found] = cost_outliers(View(visits), OutlierQuery(of="visits")).items
    assert (found.value, found.amount, found.claim_count, found.peer_count) == ("doctor-7", 5, 40, 9)
    assert found.reason == (
        "40 established office visits of level 5.0 on average, "
        "the median of 9 peers in Family medicine is 3.6 (1 is 99211, 5 is 99215)"
    )
    assert cost_outliers(View(visits), OutlierQuery(of="visits", status=["cancelled"])).items == []
    fewer = OutlierQuery(of="visits", received_from=date(2025, 1, 11), received_to=date(2025, 2, 8))
    assert cost_outliers(View(visits), fewer).items == [], "nobody has 30 visits on 29 days"


def test_the_sql_of_unusual_visits_gives_them(visits: Path) -> None:
    for query in ({}, {"received_from": date(2025, 1, 3)}):
        found = cost_outliers(View(visits), OutlierQuery.model_validate({"of": "visits"} | query))
        assert rows_of(visits, found.sql) == rows_in(found)
        assert found.items


@pytest.mark.parametrize("query", [{}, {"status": ["draft"]}, {"received_to": date(2025, 2, 10), "patient": "a'b?"}])
@pytest.mark.parametrize("of", ["providers", "claims"])
def test_the_sql_of_the_outliers_gives_them(
    lake: Lake, view: View, of: Literal["providers", "claims"], query: dict[str, Any]
) -> None:
    found = cost_outliers(view, OutlierQuery(of=of, **query))
    assert rows_of(lake.root.with_name(ANALYTICS), found.sql) == rows_in(found)


@pytest.mark.parametrize("query", [{}, {"received_from": date(2025, 1, 5)}])
def test_the_first_outliers_come_with_how_many_there_are(view: View, query: dict[str, Any]) -> None:
    everyone = cost_outliers(view, OutlierQuery(of="claims", count=1000, **query))
    assert len(everyone.items) == everyone.total > 2
    first = cost_outliers(view, OutlierQuery(of="claims", count=2, **query))
    assert (first.items, first.total) == (everyone.items[:2], everyone.total)
    for_a_file = cost_outliers(view, OutlierQuery(of="claims", count=50_000, **query))
    assert for_a_file.items == everyone.items
    nobody = cost_outliers(view, OutlierQuery(of="claims", state=["GU"]))
    assert (nobody.items, nobody.total) == ([], 0)


def rows_in(found: Outliers) -> list[dict[str, Any]]:
    """Return the outliers of an answer as their query returns them."""
    return [one.model_dump(exclude={"kind", "reason"}) | {"outlier_count": found.total} for one in found.items]


def rows_of(path: Path, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query on an analytics file."""
    with duckdb.connect(path, read_only=True) as connection:
        rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows
