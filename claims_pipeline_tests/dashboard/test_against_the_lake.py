"""Figures of the API against figures counted from the lake's Parquet with other means."""

from datetime import date
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline import schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts import CHARTS, ChartQuery
from claims_pipeline.dashboard.lists import ClaimPage, ClaimQuery, ClaimSort, PatientQuery, claim_page, patient_page
from claims_pipeline.dashboard.stats import stats
from claims_pipeline.lake import Lake
from claims_pipeline_tests.dashboard.generated_lake import latest

pytestmark = pytest.mark.heavy  # a generated lake


@pytest.fixture(scope="module")
def current(lake: Lake) -> pl.DataFrame:
    """The latest version of each claim, with what the table also sorts by."""
    practitioners = lake.read(schema.PRACTITIONERS).select(
        "practitioner_id", "specialty", practitioner_name=pl.format("{} {}", "first_name", "last_name")
    )
    payers = lake.read(schema.PAYERS).select("payer_id", "payer_name")
    plans = latest(lake, schema.COVERAGES).select("coverage_id", "plan_name")
    claims = latest(lake, schema.CLAIMS).join(practitioners, on="practitioner_id")
    return (
        claims.join(payers, on="payer_id")
        .join(plans, on="coverage_id")
        .with_columns(
            principal_diagnosis_code=pl.col("diagnosis_codes").list.first(),
            first_hcpcs_code=pl.col("lines").list.first().struct.field("hcpcs_code"),
        )
    )


def days() -> st.SearchStrategy[date | None]:
    return st.none() | st.dates(date(2024, 12, 1), date(2025, 4, 30))


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    first, last = draw(days()), draw(days())
    if first and last and first > last:
        first, last = last, first
    patient = draw(st.none() | st.sampled_from([f"patient-{number:06d}" for number in range(1, 61)]))
    return {
        "status": draw(st.lists(st.sampled_from(["active", "cancelled", "draft"]), unique=True)),
        "received_from": first,
        "received_to": last,
        "patient": patient,
        "basis": draw(st.sampled_from(["received", "service"])),
    }


def chosen(current: pl.DataFrame, given: dict[str, Any]) -> pl.DataFrame:
    claims = current
    if given["status"]:
        claims = claims.filter(pl.col("claim_status").is_in(given["status"]))
    if given["received_from"]:
        claims = claims.filter(pl.col("received_date") >= given["received_from"])
    if given["received_to"]:
        claims = claims.filter(pl.col("received_date") <= given["received_to"])
    if given["patient"]:
        claims = claims.filter(pl.col("patient_id") == given["patient"])
    return claims


@settings(max_examples=60)
@given(given=filters())
def test_figures_and_charts_add_up_to_the_lake(view: View, current: pl.DataFrame, given: dict[str, Any]) -> None:
    claims = chosen(current, given)
    charged = claims.filter(pl.col("claim_status").is_in(given["status"] or ["active"]))
    asked = ChartQuery(**given)
    figures = stats(view, asked)
    assert (figures.claim_count, figures.patient_count) == (claims.height, claims["patient_id"].n_unique())
    assert figures.charge_amount == charged["total_charge_amount"].sum()
    assert figures.charged_claim_count == charged.height

    drawn = {chart.name: chart.draw(view, asked)["data"]["values"] for chart in CHARTS}
    for name in ("claims-timeline", "status", "gender", "geography"):
        assert sum(row["claim_count"] for row in drawn[name]) == claims.height, name
    assert sum(row["charge_amount"] for row in drawn["cost-trend"]) == pytest.approx(float(figures.charge_amount))
    lines = claims.select("lines").explode("lines").unnest("lines").drop_nulls("hcpcs_code")
    most = lines.group_by("hcpcs_code").len().sort(pl.col("len").mul(-1), "hcpcs_code").head(10)
    assert [(row["hcpcs_code"], row["line_count"]) for row in drawn["top-procedures"]] == most.rows()


@settings(max_examples=30)
@given(given=filters(), count=st.integers(1, 700), offset=st.integers(0, 700))
def test_a_page_is_a_slice_of_the_sorted_claims(
    view: View, current: pl.DataFrame, given: dict[str, Any], count: int, offset: int
) -> None:
    page = claim_page(view, ClaimQuery(**given, count=count, offset=offset, sort="-total_charge_amount"))
    ordered = chosen(current, given).sort("total_charge_amount", "claim_id", descending=True)
    assert page.total == ordered.height
    assert [claim.claim_id for claim in page.items] == ordered["claim_id"].slice(offset, count).to_list()


@pytest.mark.parametrize("sort", get_args(ClaimSort))
def test_following_the_parts_leads_through_every_claim_once_in_both_directions(
    view: View, current: pl.DataFrame, sort: str
) -> None:
    column, is_descending = sort.removeprefix("-"), sort.startswith("-")
    ordered = current.sort(column, "claim_id", descending=is_descending)["claim_id"].to_list()
    forwards: list[str] = []
    page = _part(view, f"/?count=180&sort={sort}")
    while True:
        assert page.offset == len(forwards)
        forwards += [claim.claim_id for claim in page.items]
        if page.next is None:
            break
        page = _part(view, page.next)
    assert forwards == ordered

    page = _part(view, f"/?count=180&sort={sort}&before=end")
    backwards: list[str] = []
    while True:
        backwards = [claim.claim_id for claim in page.items] + backwards
        assert page.offset == len(ordered) - len(backwards)
        if page.previous is None:
            break
        page = _part(view, page.previous)
    assert backwards == ordered


def _part(view: View, address: str) -> ClaimPage:
    return claim_page(view, ClaimQuery.model_validate(dict(parse_qsl(urlsplit(address).query))))


def test_the_list_of_patients_holds_those_with_claims_and_not_subscribers_without(
    view: View, lake: Lake, current: pl.DataFrame
) -> None:
    seen, named = set(current["patient_id"]), set(latest(lake, schema.PATIENTS)["patient_id"])
    assert seen < named
    page = patient_page(view, PatientQuery(count=500))
    assert page.total == len(page.items) == len(seen)
    for someone in sorted(named - seen):
        assert patient_page(view, PatientQuery(patient=someone)).total == 0
