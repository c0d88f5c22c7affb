"""What changed: the effects add up to the change to the cent, whatever the figures are."""

from datetime import date, timedelta
from decimal import Decimal

import duckdb
import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claims_pipeline.dashboard.changes import changes_sql
from claims_pipeline.dashboard.comparison import days_before

Parts = dict[str, tuple[Decimal, int]]
"""Charges and units by value."""

amounts = st.decimals(0, 10**9, places=2)
values = st.dictionaries(st.sampled_from("abcdef"), st.tuples(amounts, st.integers(0, 10**7)))
months = st.floats(0, 10**7)
EFFECTS = ("members", "use", "mix", "price")


def changes(before: Parts, after: Parts, months_before: float, months_after: float) -> dict[str, dict[str, Decimal]]:
    """Return the change of each value and its effects."""
    with duckdb.connect() as connection:
        for name, parts in (("earlier", before), ("later", after)):
            connection.execute(
                f"create table {name} (value varchar, label varchar, amount decimal(18, 2), units bigint)"
            )
            if parts:
                rows = [(value, None, amount, units) for value, (amount, units) in parts.items()]
                connection.executemany(f"insert into {name} values (?, ?, ?, ?)", rows)  # noqa: S608 - one of two names
        sql = changes_sql("from earlier", "from later", "select ?::double", "select ?::double")
        found = connection.execute(sql, [months_before, months_after])
        columns = [column[0] for column in found.description]
        return {row[0]: dict(zip(columns, row, strict=True)) for row in found.fetchall()}


@example(before={"a": (Decimal("0.01"), 1)}, after={"a": (Decimal("0.01"), 1)}, months_before=1, months_after=5e-324)
@example(before={"a": (Decimal(0), 0)}, after={}, months_before=2, months_after=5e-324)
@example(before={"a": (Decimal(7), 1)}, after={"a": (Decimal(-5), 1)}, months_before=1, months_after=1)
@example(before={"a": (Decimal(-7), 1)}, after={"a": (Decimal(-5), 2)}, months_before=1, months_after=2)
@settings(max_examples=25)
@given(before=values, after=values, months_before=months, months_after=months)
def test_the_effects_add_up_to_the_change_of_each_value_to_the_cent(
    before: Parts, after: Parts, months_before: float, months_after: float
) -> None:
    found = changes(before, after, months_before, months_after)
    assert set(found) == set(before) | set(after)
    for value, split in found.items():
        change = after.get(value, (Decimal(), 0))[0] - before.get(value, (Decimal(), 0))[0]
        assert sum(split[name] for name in EFFECTS) == change == split["after_amount"] - split["before_amount"]


def test_a_change_of_one_factor_alone_is_the_effect_of_that_factor() -> None:
    before = {"a": (Decimal(100), 10), "b": (Decimal(300), 10)}

    def effects(after: Parts, name: str, months_after: float = 50.0) -> list[Decimal]:
        found = changes(before, after, 50.0, months_after)
        assert all(found[value][other] == 0 for value in found for other in EFFECTS if other != name)
        return [found[value][name] for value in "ab"]

    assert effects({"a": (Decimal(110), 10), "b": (Decimal(330), 10)}, "price") == [10, 30]
    more = {"a": (Decimal(200), 20), "b": (Decimal(600), 20)}
    assert effects(more, "use") == [100, 300]
    assert effects(more, "members", 100.0) == [100, 300]


def test_what_is_new_or_gone_is_mix() -> None:
    found = changes({"gone": (Decimal(5), 1)}, {"new": (Decimal(7), 1)}, 1.0, 1.0)
    assert {value: split["mix"] for value, split in found.items()} == {"gone": Decimal(-5), "new": Decimal(7)}


def test_whole_months_are_compared_with_whole_months() -> None:
    assert days_before(date(2025, 3, 1), date(2025, 3, 31), "before") == (date(2025, 2, 1), date(2025, 2, 28))
    assert days_before(date(2024, 2, 1), date(2024, 2, 29), "year") == (date(2023, 2, 1), date(2023, 2, 28))
    assert days_before(date(2025, 2, 1), date(2025, 2, 28), "year") == (date(2024, 2, 1), date(2024, 2, 29))
    assert days_before(date(2025, 3, 10), date(2025, 3, 16), "before") == (date(2025, 3, 3), date(2025, 3, 9))


def test_days_are_compared_with_the_same_days_of_the_year_before() -> None:
    february_28 = date(2025, 2, 28)
    assert days_before(february_28, february_28, "year") == (date(2024, 2, 28), date(2024, 2, 28))
    assert days_before(date(2025, 2, 15), february_28, "year") == (date(2024, 2, 15), date(2024, 2, 28))
    assert days_before(date(2024, 2, 29), date(2024, 3, 1), "year") == (date(2023, 2, 28), date(2023, 3, 1))


@given(first=st.dates(date(2020, 1, 1)), days=st.integers(0, 400))
def test_the_days_before_end_where_the_days_begin(first: date, days: int) -> None:
    last = min(first + timedelta(days=days), date.max)
    assert days_before(first, last, "before")[1] == first - timedelta(days=1)


def test_the_changes_of_the_categories_add_up_to_that_of_the_charges(client: httpx.Client) -> None:
    query = "received_from=2025-01-23&received_to=2025-02-03"  # against January 11 to 22
    answer = client.get(f"/api/what-changed?{query}").json()
    before = client.get("/api/stats?received_from=2025-01-11&received_to=2025-01-22").json()["charge_amount"]
    after = client.get(f"/api/stats?{query}").json()["charge_amount"]
    total = answer["total"]
    assert (total["before_amount"], total["after_amount"]) == (before, after) == (150.0, 150.5)
    assert round(sum(total["effects"].values()), 2) == 0.5
    assert {item["value"] for item in answer["items"]} == {"office_visit", "laboratory"}


def test_days_before_the_lake_are_no_comparison(client: httpx.Client) -> None:
    answer = client.get("/api/what-changed?received_from=2025-01-10&received_to=2025-02-03").json()
    assert "no claims from before Jan 10, 2025" in answer["compared"]["reason"]
    assert answer["items"] == []


@pytest.mark.parametrize("compare", ["before", "year"])
@pytest.mark.parametrize("days", ["received_from=9999-12-31", "received_to=0001-01-01", "received_from=2025-02-04"])
@pytest.mark.parametrize("route", ["cards", "what-changed", "charts/cost-trend"])
def test_days_that_the_lake_does_not_have_are_no_comparison(
    client: httpx.Client, route: str, days: str, compare: str
) -> None:
    answer = client.get(f"/api/{route}?{days}&compare={compare}")
    assert answer.status_code == 200
    if route != "charts/cost-trend":
        reason = answer.json()["compared"]["reason"]
        assert reason == (
            "There is nothing to compare with: the lake has claims from Jan 10, 2025 to Feb 3, 2025. "
            "Choose days among these."
        )


def test_the_change_under_a_search_for_patients_has_no_parts(client: httpx.Client) -> None:
    answer = client.get("/api/what-changed?received_from=2025-01-23&received_to=2025-02-03&patient=brown").json()
    assert "is not split" in answer["compared"]["reason"]
    assert answer["items"] == []
