"""Each measure by each dimension, against the same counted from the lake's Parquet with other means."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest

from claims_pipeline import aggregate, schema
from claims_pipeline.dashboard.analytics import Analytics, View
from claims_pipeline.dashboard.breakdown import BreakdownQuery, breakdown
from claims_pipeline.dashboard.dimensions import DIMENSIONS, FILTERING, Dimension
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.lists import ClaimQuery, claim_page
from claims_pipeline.dashboard.measures import MEASURES, Measure, plain_number
from claims_pipeline.dashboard.members import NOT_JOINED, members
from claims_pipeline.dashboard.page import DRIVER_MEASURES
from claims_pipeline.dashboard.stats import stats
from claims_pipeline.lake import Lake
from claims_pipeline.reference import procedure_categories
from claims_pipeline_tests.aggregate.example_lake import BEN, FEB_3, claim, write_example_lake
from claims_pipeline_tests.dashboard.conftest import ANALYTICS
from claims_pipeline_tests.dashboard.generated_lake import END, START, latest
from claims_pipeline_tests.defaults import frame

pytestmark = pytest.mark.heavy  # a generated lake

every_dimension = pytest.mark.parametrize("dimension", DIMENSIONS.values(), ids=lambda one: one.name)


@pytest.fixture(scope="module")
def claims(lake: Lake) -> pl.DataFrame:
    """The latest version of each claim, with the columns that dimensions are made of."""

    def whole(table: schema.Table) -> pl.DataFrame:
        return pl.read_parquet(lake.path(table))

    patients = latest(lake, schema.PATIENTS).select("patient_id", "gender", "birth_date", patient_state="state")
    coverages = latest(lake, schema.COVERAGES).select("coverage_id", "plan_name", "plan_type")
    doctors = whole(schema.PRACTITIONERS).select("practitioner_id", "specialty")
    joined = latest(lake, schema.CLAIMS).join(patients, on="patient_id").join(coverages, on="coverage_id")
    return joined.join(doctors, on="practitioner_id").join(whole(schema.PAYERS), on="payer_id")


def _age_band(claim: dict[str, Any]) -> str:
    born, day = claim["birth_date"], claim["claim_start_date"]
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return next((band for last, band in BANDS if age <= last), "75+")


BANDS = ((17, "0-17"), (34, "18-34"), (49, "35-49"), (64, "50-64"), (74, "65-74"))
CHAPTERS = {
    "C": "Neoplasms", "O": "Pregnancy and childbirth",
    "A": "Infections", "B": "Infections", "E": "Endocrine and metabolic", "F": "Mental and behavioral",
    "G": "Nervous system", "I": "Circulatory system", "J": "Respiratory system", "K": "Digestive system",
    "L": "Skin", "M": "Musculoskeletal system", "N": "Genitourinary system", "R": "Symptoms and findings",
    "S": "Injury and poisoning", "T": "Injury and poisoning", "U": "Special purposes", "Z": "Health status and contact",
}  # fmt: skip


def _chapter(code: str) -> str | None:
    """Return the chapter of a code; the letters D and H are each shared by two chapters."""
    if code[0] == "D":
        return "Neoplasms" if int(code[1:3]) < 50 else "Blood and immunity"
    if code[0] == "H":
        return "Eye" if int(code[1:3]) < 60 else "Ear"
    return CHAPTERS.get(code[0])


VALUES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "payer": lambda claim: claim["payer_name"],
    "plan": lambda claim: claim["plan_name"],
    "plan_type": lambda claim: claim["plan_type"],
    "provider": lambda claim: claim["practitioner_id"],
    "specialty": lambda claim: claim["specialty"],
    "organization": lambda claim: claim["organization_id"],
    "location": lambda claim: claim["location_id"],
    "diagnosis": lambda claim: claim["diagnosis_codes"][0],
    "chapter": lambda claim: _chapter(claim["diagnosis_codes"][0]),
    "state": lambda claim: claim["facility_state"],
    "city": lambda claim: f"{claim['facility_city']}, {claim['facility_state']}",
    "place_of_service": lambda claim: claim["place_of_service_code"],
    "age_band": _age_band,
    "gender": lambda claim: claim["gender"],
    "patient_state": lambda claim: claim["patient_state"],
    "status": lambda claim: claim["claim_status"],
    "month": lambda claim: claim["received_date"].replace(day=1),
    "week": lambda claim: claim["received_date"] - timedelta(days=claim["received_date"].weekday()),
    "day": lambda claim: claim["received_date"],
    "procedure": lambda line: line["hcpcs_code"],
    "category": lambda line: procedure_categories()[line["hcpcs_code"]],
}


def _rows(claims: pl.DataFrame, dimension: Dimension) -> pl.DataFrame:
    """Return one row a claim, or a line, with the dimension's value and what the measures are made of."""
    rows = claims.select("claim_id", "patient_id", "claim_status", "total_charge_amount", *_MADE_OF).to_dicts()
    if dimension.is_of_lines:
        rows = [row | line for row in rows for line in row["lines"]]
    value = VALUES[dimension.name]
    return pl.DataFrame([row | {"value": value(row)} for row in rows], infer_schema_length=None)


_MADE_OF = (
    "received_date", "claim_start_date", "birth_date", "gender", "payer_name", "plan_name", "plan_type", "specialty",
    "practitioner_id", "organization_id", "location_id", "diagnosis_codes", "facility_state", "facility_city",
    "place_of_service_code", "patient_state", "lines",
)  # fmt: skip


@pytest.fixture(scope="module")
def member_months(lake: Lake) -> pl.DataFrame:
    """One row a member and month of the two months that the lake covers."""
    plans = {row["plan_id"]: row for row in pl.read_parquet(lake.path(schema.PLANS)).to_dicts()}
    payers = {row["payer_id"]: row["payer_name"] for row in pl.read_parquet(lake.path(schema.PAYERS)).to_dicts()}
    states = dict(latest(lake, schema.PATIENTS).select("patient_id", "state").rows())
    rows = []
    for person in pl.read_parquet(lake.path(schema.ENROLLMENT)).to_dicts():
        for month in (date(2025, 1, 1), date(2025, 2, 1)):
            last_day = date(2025, 1, 31) if month.month == 1 else date(2025, 2, 28)
            spans = [span for span in person["spans"] if span["coverage_start_date"] <= last_day
                     and span["coverage_end_date"] >= month and span["coverage_order"] == 1]  # fmt: skip
            if spans:
                plan = plans[spans[-1]["plan_id"]]
                claim = {"birth_date": person["birth_date"], "claim_start_date": month}
                rows.append({"plan": plan["plan_name"], "plan_type": plan["plan_type"], "gender": person["gender"],
                             "payer": payers[plan["payer_id"]], "age_band": _age_band(claim),
                             "month": month.month,
                             "patient_state": states.get(person["patient_id"], spans[-1]["state"])})  # fmt: skip
    return pl.DataFrame(rows)


def _member_months(member_months: pl.DataFrame, dimension: Dimension, value: str) -> tuple[float, float]:
    """Return the member months of a value, and how many months its days are; each day is its share of its month."""
    if dimension.is_of_members:
        return member_months.filter(pl.col(dimension.name) == value).height, 2
    lengths = {1: 31, 2: 28}
    everyone = dict(member_months.group_by("month").len().rows())
    all_days = [START + timedelta(days=number) for number in range((END - START).days + 1)]
    days = [
        day for day in all_days if not dimension.grain or str(VALUES[dimension.name]({"received_date": day})) == value
    ]
    months = sum(everyone[day.month] / lengths[day.month] for day in days)
    return months, sum(1 / lengths[day.month] for day in days)


def _figures(rows: pl.DataFrame, months: float, months_chosen: float, *, is_of_lines: bool) -> dict[str, Any]:
    charged = rows.filter(pl.col("claim_status") == "active")
    amount = "charge_amount" if is_of_lines else "total_charge_amount"
    amounts = charged[amount].cast(pl.Float64)
    figures: dict[str, Any] = {
        "claim_count": rows["claim_id"].n_unique(),
        "charge_amount": amounts.sum(),
        "charged_claim_count": charged["claim_id"].n_unique(),
        "patient_count": rows["patient_id"].n_unique(),
        "line_count": rows.height if is_of_lines else rows["lines"].list.len().sum(),
        "member_count": months / months_chosen if months else None,
        "member_month_count": months or None,
        "charge_pmpm": float(amounts.sum()) / months if months else None,
        "claims_per_1000": rows["claim_id"].n_unique() * 12_000 / months if months else None,
    }
    if is_of_lines:
        return figures
    lag = (rows["received_date"] - rows["claim_start_date"]).dt.total_days()
    return figures | {
        "average_charge_amount": amounts.mean(),
        "median_charge_amount": amounts.median(),
        "average_lag_days": lag.mean(),
        "not_active_percent": 100 * rows.filter(pl.col("claim_status") != "active").height / rows.height,
    }


@every_dimension
def test_each_measure_of_each_value_is_that_of_the_lake(
    view: View, claims: pl.DataFrame, member_months: pl.DataFrame, dimension: Dimension
) -> None:
    rows = _rows(claims, dimension)
    answer = breakdown(view, dimension, BreakdownQuery(count=1000))
    assert {item.value for item in answer.items} == set(rows["value"].cast(pl.String).unique())
    assert answer.value_count == len(answer.items)
    for item in answer.items:
        own = rows.filter(pl.col("value").cast(pl.String) == item.value)
        members = _member_months(member_months, dimension, item.value)
        expected = _figures(own, *members, is_of_lines=dimension.is_of_lines)
        for name, figure in item.figures.items():
            precision = 0.0051 if MEASURES[name].unit == "USD" else 0.051  # half of what it is rounded to
            assert figure == pytest.approx(expected[name], abs=precision), name
        assert item.label


@every_dimension
@pytest.mark.parametrize("measure", ["charge_amount", "median_charge_amount"])
def test_the_first_values_are_those_of_the_whole_list(view: View, dimension: Dimension, measure: str) -> None:
    whole = breakdown(view, dimension, BreakdownQuery(measure=measure, status=["active", "draft"], count=1000))
    first = breakdown(view, dimension, BreakdownQuery(measure=measure, status=["active", "draft"], count=2))
    assert (first.items, first.total, first.value_count) == (whole.items[:2], whole.total, len(whole.items))


@every_dimension
@pytest.mark.parametrize("measure", ["charge_amount", "median_charge_amount"])
def test_the_first_values_are_those_with_the_largest_figures_in_the_lake(
    view: View, claims: pl.DataFrame, dimension: Dimension, measure: str
) -> None:
    answer = breakdown(view, dimension, BreakdownQuery(measure=measure, count=3))
    figures = {
        str(value): _figures(rows, 0, 0, is_of_lines=dimension.is_of_lines)[answer.measure] or 0
        for (value,), rows in _rows(claims, dimension).group_by("value")
    }
    assert answer.value_count == len(figures)
    found = [item.value for item in answer.items]
    if dimension.grain:
        assert found == sorted(figures, reverse=True)[:3]
    else:
        largest = sorted(figures.values(), reverse=True)[:3]
        assert [figures[value] for value in found] == pytest.approx(largest, abs=0.0051)


def test_patients_are_counted_by_bits_only_where_a_dimension_has_few_values(view: View) -> None:
    few = {name for name, one in DIMENSIONS.items() if "count_patients" in breakdown(view, one, BreakdownQuery()).sql}
    assert {"plan", "specialty", "age_band", "gender", "category"} <= few
    assert not few & {"provider", "organization", "location", "city", "diagnosis", "procedure", "day"}


@pytest.mark.parametrize("status", [[], ["draft", "cancelled"]])
@pytest.mark.parametrize("measure", [one for one in MEASURES.values() if one.sql_of_totals], ids=lambda one: one.name)
def test_a_measure_of_totals_by_day_is_that_of_the_rows(view: View, measure: Measure, status: list[Any]) -> None:
    filters = Filters(status=status)
    is_of_lines = measure.unit == "lines"
    totals, rows, column = (
        ("procedures_by_day", "claim_lines", "hcpcs_code")
        if is_of_lines
        else ("claims_by_day", "claims_current", "patient_state")
    )
    joined = NOT_JOINED if is_of_lines else members(view, filters, DIMENSIONS["patient_state"])

    def by_value(figure: str, table: str) -> dict[str, Any]:
        select = f"{joined.with_clause} select {column} as value, {figure} as figure from {table} {joined.join}"  # noqa: S608
        found = view.select(f"{select} {filters.where} group by all", *joined.parameters, *filters.parameters)
        return {row["value"]: row["figure"] for row in found}

    of_totals = by_value(measure.of_totals(filters.charged), totals)
    assert len(of_totals) > 10
    assert of_totals == by_value(measure.of_values(filters.charged, is_of_lines=is_of_lines), rows)


@pytest.mark.parametrize("query", [{}, {"status": ["draft"], "procedure": ["99213", "a'b?"]}])
@every_dimension
def test_the_sql_of_a_breakdown_gives_its_values_and_its_total(
    lake: Lake, view: View, dimension: Dimension, query: dict[str, Any]
) -> None:
    answer = breakdown(view, dimension, BreakdownQuery.model_validate(query))

    with duckdb.connect(lake.root.with_name(ANALYTICS), read_only=True) as connection:
        values, [total] = (connection.sql(sql).to_arrow_table().to_pylist() for sql in (answer.sql, answer.total_sql))

    assert [(str(row["value"]), {name: plain_number(row[name]) for name in answer.total}) for row in values] == [
        (item.value, item.figures) for item in answer.items
    ]
    assert {name: plain_number(figure) for name, figure in total.items()} == answer.total


def test_lines_have_each_measure_that_the_overview_ranks_by() -> None:
    assert all(MEASURES[name].sql_of_lines for name in DRIVER_MEASURES)


@every_dimension
def test_the_values_of_a_dimension_of_claims_add_up_to_all(view: View, dimension: Dimension) -> None:
    answer = breakdown(view, dimension, BreakdownQuery(count=1000))
    for name, measure in MEASURES.items():
        if measure.is_additive and not dimension.is_of_lines:
            assert sum(item.figures[name] or 0 for item in answer.items) == pytest.approx(answer.total[name])


@pytest.mark.parametrize("dimension", FILTERING.values(), ids=lambda one: one.name)
def test_a_value_is_also_a_filter_of_figures_charts_and_claims(view: View, dimension: Dimension) -> None:
    first = breakdown(view, dimension, BreakdownQuery(measure="claim_count", count=1)).items[0]
    chosen = {dimension.name: [first.value]}
    assert stats(view, Filters(**chosen)).claim_count == first.figures["claim_count"]
    page = claim_page(view, ClaimQuery(**chosen))
    assert page.total == first.figures["claim_count"]
    again = breakdown(view, dimension, BreakdownQuery(**chosen, count=1000))
    if not dimension.is_of_lines:
        assert [item.value for item in again.items] == [first.value]


@pytest.fixture(scope="module")
def view_of_a_lake_with_gaps(tmp_path_factory: pytest.TempPathFactory) -> View:
    """The analytics of a lake with a claim whose patient, coverage and practitioner it does not have."""
    home = tmp_path_factory.mktemp("gaps")
    lake = write_example_lake(home / "lake")
    row = claim("claim-20250204-000000", BEN, "CA", {"99999": "1.00"}, received_date=FEB_3) | {
        "patient_id": "patient-000099", "coverage_id": "coverage-000099-20250101", "diagnosis_codes": [],
        "practitioner_id": "practitioner-9999", "organization_id": "organization-9999", "location_id": "location-9999",
    }  # fmt: skip
    with lake.writer() as writer:
        writer.add(schema.CLAIMS, schema.CLAIMS.conform(frame(schema.CLAIMS, [row])), date(2025, 2, 4))
    aggregate.build(lake, home / ANALYTICS)
    return Analytics(home / ANALYTICS).view()


@pytest.mark.parametrize("dimension", FILTERING.values(), ids=lambda one: one.name)
def test_each_value_is_accepted_by_its_filter_also_what_the_lake_does_not_know(
    view_of_a_lake_with_gaps: View, dimension: Dimension
) -> None:
    items = breakdown(view_of_a_lake_with_gaps, dimension, BreakdownQuery()).items
    counts = {item.value: item.figures["claim_count"] for item in items}
    chosen = {value: Filters.model_validate({dimension.name: [value]}) for value in counts}
    assert {value: stats(view_of_a_lake_with_gaps, one).claim_count for value, one in chosen.items()} == counts
    assert sum(count or 0 for count in counts.values()) >= 6, "the claim with gaps counts too"


def test_every_dimension_is_a_filter_but_those_whose_values_another_filter_selects() -> None:
    assert set(DIMENSIONS) - set(Filters.model_fields) == {"month", "week", "day"}
    assert {one.name for one in DIMENSIONS.values() if one.filtered_by} == {"status", "month", "week", "day"}


def test_periods_are_in_order_of_time_the_latest_first_and_have_names(client: httpx.Client) -> None:
    names = {
        path: [item["label"] for item in client.get(f"/api/stats/by-{path}").json()["items"]]
        for path in ("month", "week", "day", "status")
    }
    assert names == {
        "month": ["February 2025", "January 2025"],
        "week": ["Week from Feb 3, 2025", "Week from Jan 6, 2025"],
        "day": ["Feb 3, 2025", "Jan 11, 2025", "Jan 10, 2025"],
        "status": ["active", "cancelled", "draft"],
    }


def test_members_of_days_are_those_of_an_average_month(client: httpx.Client) -> None:
    """Ana and Ben are members in January, Cleo from February 1 on."""
    for query, count in {"received_to=2025-01-10": 2, "received_from=2025-02-01": 3}.items():
        total = client.get(f"/api/stats/by-status?{query}").json()["total"]
        assert total["member_count"] == count


def test_a_breakdown_by_day_of_no_days_is_empty(client: httpx.Client) -> None:
    answer = client.get("/api/stats/by-day?received_from=2031-01-01").json()
    assert (answer["items"], answer["total"]["claim_count"]) == ([], 0)


@pytest.mark.parametrize("path", ["by-state", "by-plan", "by-procedure"])
def test_without_a_claim_there_are_members_and_no_claims_of_theirs(client: httpx.Client, path: str) -> None:
    total = client.get(f"/api/stats/{path}?chapter=Ear&received_from=2025-02-01").json()["total"]
    assert (total["member_count"], total["charge_pmpm"], total["claims_per_1000"]) == (3, 0, 0)


def test_the_largest_values_come_first(client: httpx.Client) -> None:
    answer = client.get("/api/stats/by-state?measure=claim_count&count=1").json()
    assert [(item["value"], item["figures"]["claim_count"]) for item in answer["items"]] == [("TX", 3)]
    assert (answer["value_count"], answer["total"]["claim_count"]) == (2, 5)


def test_a_status_filter_decides_what_a_breakdown_charges(client: httpx.Client) -> None:
    charges = {
        query: client.get(f"/api/stats/by-gender?{query}").json()["total"]["charge_amount"]
        for query in ("", "status=draft", "status=draft&status=cancelled")
    }
    assert charges == {"": 500.5, "status=draft": 140.0, "status=draft&status=cancelled": 310.5}


def test_a_measure_that_lines_do_not_have_is_left_out(client: httpx.Client) -> None:
    answer = client.get("/api/stats/by-procedure?measure=average_charge_amount").json()
    assert "average_charge_amount" not in answer["items"][0]["figures"]
    assert answer["measure"] == "claim_count"
    assert answer["items"][0]["value"] == "99213"


@pytest.mark.parametrize("path", ["by-state", "by-plan", "by-procedure", "by-month"])
@pytest.mark.parametrize("asked", [("charge_amount",), ("claim_count", "charge_pmpm"), ("patient_count", "line_count")])
def test_the_figures_asked_for_are_those_of_an_answer_with_all(
    client: httpx.Client, path: str, asked: tuple[str, ...]
) -> None:
    every = client.get(f"/api/stats/{path}?measure={asked[0]}").json()
    some = client.get(f"/api/stats/{path}", params={"measure": asked[0], "figures": asked}).json()
    assert set(some["total"]) == set(asked)
    assert some["total"] == {name: every["total"][name] for name in some["total"]}
    assert [(one["value"], one["figures"]) for one in some["items"]] == [
        (one["value"], {name: one["figures"][name] for name in asked}) for one in every["items"]
    ]


def test_a_figure_that_lines_do_not_have_is_refused_with_the_names_of_those_that_they_have(
    client: httpx.Client,
) -> None:
    answer = client.get("/api/stats/by-procedure?figures=claim_count&figures=average_charge_amount")
    assert answer.status_code == 422
    named = answer.json()["parameters"]["figures"]
    assert answer.json()["message"] == f"figures {named}"
    assert re.findall(r"'(\w+)'", named) == list(client.get("/api/stats/by-procedure").json()["total"])
    asked = "measure=average_charge_amount&figures=average_charge_amount"  # as the page asks; another measure orders
    assert set(client.get(f"/api/stats/by-procedure?{asked}").json()["total"]) == {"claim_count"}


@pytest.mark.parametrize("query", ["measure=cost", "count=0", "state=", "figures=cost"])
def test_a_wrong_breakdown_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"/api/stats/by-state?{query}").status_code == 422
