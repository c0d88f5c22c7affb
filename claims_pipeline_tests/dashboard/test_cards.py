"""The headline cards, and the SQL that is shown for figures."""

from datetime import date
from math import ceil
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.cards import cards
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.measures import plain_number
from claims_pipeline.dashboard.stats import stats
from claims_pipeline.dashboard.trends import Trends, trends
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.conftest import ANALYTICS
from claims_pipeline_tests.dashboard.generated_lake import latest

pytestmark = pytest.mark.heavy  # a generated lake

QUERIES = (
    "",
    "status=draft&status=active&state=TX",
    "received_from=2025-01-23&received_to=2025-02-03",
    "patient=O'Neil, x?y",
    "plan_type=marketplace&gender=female",
    "category=laboratory&received_to=2025-01-11",
    "chapter=Ear",
)


def run(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(settings.analytics_path, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def card(client: httpx.Client, name: str, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in client.get(f"/api/cards?{query}").json()["items"] if one["name"] == name
    )
    return found


def trend(client: httpx.Client, name: str, query: str = "") -> list[float | int | None]:
    found = Trends.model_validate_json(client.get(f"/api/cards/trends?{query}").content)
    return next(one.values for one in found.items if one.name == name)


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [(date(2025, 1, 1), date(2025, 1, 31), 0), (date(2025, 2, 10), date(2025, 2, 20), 2), (None, None, 10)],
)
def test_the_cards_say_how_many_of_the_days_may_still_change(
    view: View, monkeypatch: pytest.MonkeyPatch, first: date | None, last: date | None, count: int
) -> None:
    monkeypatch.setattr("claims_pipeline.dashboard.comparison.CHANGES_FOR_DAYS", 10)  # the lake ends on February 28
    compared = cards(view, Filters(received_from=first, received_to=last)).compared
    assert compared.changing_day_count == count


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_a_card_gives_its_figure(client: httpx.Client, example_settings: Settings, query: str) -> None:
    for item in client.get(f"/api/cards?{query}").json()["items"]:
        [(value,)] = run(example_settings, item["sql"])
        assert (None if value is None else float(value)) == item["value"], item["name"]


@pytest.mark.parametrize(
    "query", [*QUERIES, "compare=year", "received_from=2025-01-20&received_to=2025-02-02&gender=male"]
)
def test_the_sql_of_a_change_gives_both_figures(client: httpx.Client, example_settings: Settings, query: str) -> None:
    answer = client.get(f"/api/cards?{query}").json()
    for item in answer["items"]:
        if answer["compared"]["reason"]:
            assert item["change_sql"] == "", item["name"]
            continue
        [row] = run(example_settings, item["change_sql"])
        assert [None if one is None else float(one) for one in row] == [item["current"], item["before"]], item["name"]


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_a_trend_gives_its_figures(client: httpx.Client, example_settings: Settings, query: str) -> None:
    found = Trends.model_validate_json(client.get(f"/api/cards/trends?{query}").content)
    without_claims = (0, None)
    for one in found.items:
        rows = {first: None if value is None else float(value) for first, value in run(example_settings, one.sql)}
        expected = zip(found.first_days, one.values, strict=True)
        assert all(rows[day] == value if day in rows else value in without_claims for day, value in expected), one.name


def test_there_is_a_trend_for_each_card(client: httpx.Client) -> None:
    of_cards, of_trends = client.get("/api/cards").json(), client.get("/api/cards/trends").json()
    assert [one["name"] for one in of_cards["items"]] == [one["name"] for one in of_trends["items"]]


def test_where_no_claim_counts_members_have_no_charges(client: httpx.Client) -> None:
    """They are 0 for each member, not unknown; of a search for patients, who are no members, they are unknown."""
    query = "chapter=Ear&received_from=2025-01-23&received_to=2025-02-03"
    found = card(client, "charge_pmpm", query)
    assert (found["value"], found["current"], found["before"]) == (0, 0, 0)
    assert set(trend(client, "charge_pmpm", query)) == {0}
    query += "&patient=ben"
    assert (card(client, "charge_pmpm", query)["value"], set(trend(client, "charge_pmpm", query))) == (None, {None})


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_the_headline_gives_its_figures(
    client: httpx.Client, example_settings: Settings, query: str
) -> None:
    answer = client.get(f"/api/stats?{query}").json()
    names = ("claim_count", "charge_amount", "charged_claim_count", "average_charge_amount", "patient_count")
    [row] = run(example_settings, answer["sql"])
    assert [None if one is None else float(one) for one in row] == [answer[name] for name in names]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("dimension", ["state", "plan-type", "category", "month", "week", "status", "provider"])
def test_the_sql_of_a_breakdown_gives_its_figures(
    client: httpx.Client, example_settings: Settings, dimension: str, query: str
) -> None:
    answer = client.get(f"/api/stats/by-{dimension}?{query}").json()
    rows = run(example_settings, answer["sql"])
    assert [[None if one is None else float(one) for one in row[2:-1]] for row in rows] == [
        list(item["figures"].values()) for item in answer["items"]
    ]
    assert {row[-1] for row in rows} <= {answer["value_count"]}


@pytest.mark.parametrize("query", QUERIES)
def test_the_sql_of_the_spread_of_charges_gives_its_shares(
    client: httpx.Client, example_settings: Settings, query: str
) -> None:
    answer = client.get(f"/api/stats/concentration?{query}").json()
    rows = run(example_settings, answer["sql"])
    assert [(row[0], row[1], float(row[2])) for row in rows] == [
        (one["top_percent"], one["patient_count"], one["charge_amount"]) for one in answer["items"]
    ]


def test_the_sql_of_a_provider_gives_the_panel(client: httpx.Client, example_settings: Settings) -> None:
    answer = client.get("/api/providers/practitioner-0001").json()
    rows = run(example_settings, answer["sql"])
    assert {row[0]: row[1:] for row in rows} == {
        one["name"]: (one["value"], one["peer_median"]) for one in answer["figures"]
    }
    mix = run(example_settings, answer["mix_sql"])
    assert mix == [tuple(one.values()) for one in answer["mix"]]


@pytest.mark.parametrize("by", ["state", "category", "provider"])
def test_the_sql_of_what_changed_gives_its_figures(client: httpx.Client, example_settings: Settings, by: str) -> None:
    answer = client.get(f"/api/what-changed?by={by}&received_from=2025-01-23&received_to=2025-02-03").json()
    rows = run(example_settings, answer["sql"])
    assert rows
    assert [(row[0], *map(float, row[2:])) for row in rows] == [
        (one["value"], one["before_amount"], one["after_amount"], *one["effects"].values()) for one in answer["items"]
    ]


def test_members_count_by_the_days_of_a_month_that_are_covered(client: httpx.Client) -> None:
    # Ana and Ben in January, from the 10th: 2 x 22/31; Ana, Ben and Cleo until February 3: 3 x 3/28
    months = 2 * 22 / 31 + 3 * 3 / 28
    assert card(client, "charge_pmpm")["value"] == round(500.50 / months, 2)
    assert card(client, "claims_per_1000")["value"] == round(5 * 12_000 / months, 1)
    assert card(client, "charge_pmpm", "plan_type=marketplace")["value"] == pytest.approx(
        500.5 / (22 / 31 + 3 / 28), 0.01
    )


def test_a_change_is_against_the_days_before(client: httpx.Client) -> None:
    charges = card(client, "charge_amount", "received_from=2025-01-23&received_to=2025-02-03")
    assert (charges["value"], charges["current"], charges["before"]) == (150.5, 150.5, 150.0)
    assert card(client, "charge_amount", "received_from=2025-01-10")["before"] is None


def test_the_costliest_patient_has_their_share(client: httpx.Client) -> None:
    assert card(client, "top_5_percent")["value"] == round(100 * 350.5 / 500.5, 1)


def test_the_trend_of_the_costliest_patients_has_their_share_of_each_month(view: View, lake: Lake) -> None:
    filters = Filters(received_from=date(2025, 1, 6), received_to=date(2025, 2, 23), gender=["female"])
    charged = latest(lake, schema.CLAIMS).filter(
        pl.col("received_date").is_between(date(2025, 1, 6), date(2025, 2, 23)), pl.col("claim_status") == "active"
    )
    women = latest(lake, schema.PATIENTS).filter(pl.col("gender") == "female")
    spent = charged.join(women, on="patient_id", how="semi").group_by(
        pl.col("received_date").dt.truncate("1w").alias("first_day"), "patient_id"
    )
    expected = []
    for _, week in sorted(
        spent.agg(pl.col("total_charge_amount").sum()).partition_by("first_day", as_dict=True).items()
    ):
        amounts = sorted(week["total_charge_amount"], reverse=True)
        expected.append(round(float(100 * sum(amounts[: max(ceil(0.05 * len(amounts)), 1)]) / sum(amounts)), 1))
    found = trends(view, filters).items[-1].values
    assert len(found) == 7
    assert found == pytest.approx(expected, abs=0.05)


def test_a_trend_has_a_figure_for_each_day_and_adds_up(client: httpx.Client) -> None:
    claims = trend(client, "claim_count")
    assert (len(claims), sum(one or 0 for one in claims)) == (25, 5)


def test_a_trend_leaves_out_weeks_that_the_lake_has_only_in_part(view: View) -> None:
    assert (view.built_from.first_day, view.built_from.last_day) == (date(2025, 1, 1), date(2025, 2, 28))
    found = trends(view, Filters())
    claims = next(one.values for one in found.items if one.name == "claim_count")
    whole_weeks = stats(view, Filters(received_from=date(2025, 1, 6), received_to=date(2025, 2, 23)))
    assert (found.first_days[0], found.first_days[-1]) == (date(2025, 1, 6), date(2025, 2, 17))
    assert (len(claims), sum(one or 0 for one in claims)) == (7, whole_weeks.claim_count)


def test_the_sql_of_a_trend_gives_its_figures_by_week(view: View, lake: Lake) -> None:
    found = trends(view, Filters.model_validate({"gender": ["female"]}))
    with duckdb.connect(lake.root.with_name(ANALYTICS), read_only=True) as connection:
        for one in found.items:
            shown = {day: plain_number(value) for day, value in connection.execute(one.sql).fetchall()}
            assert [shown[day] for day in found.first_days] == one.values, one.name


def test_days_that_the_lake_does_not_have_have_no_trend(view: View) -> None:
    assert trends(view, Filters(received_from=date(2025, 3, 5))) == Trends(first_days=[], changing_count=0, items=[])


def test_per_member_has_no_meaning_for_a_search_for_patients(client: httpx.Client) -> None:
    assert card(client, "charge_pmpm", "patient=ana")["value"] is None
