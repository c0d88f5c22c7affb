"""What changed: the effects add up to the change to the cent, whatever the figures are."""

from datetime import date, timedelta
from decimal import Decimal

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from claims_pipeline.dashboard.changes import Part, Period, decompose
from claims_pipeline.dashboard.comparison import _before

amounts = st.decimals(0, 10**9, places=2)
parts = st.builds(Part, amounts, st.integers(0, 10**7))
values = st.dictionaries(st.sampled_from("abcdef"), parts)
months = st.floats(0, 10**7)


def period(values: dict[str, Part], member_months: float) -> Period:
    return Period(member_months, sum(part.units for part in values.values()), values)


@example(
    before={"a": Part(Decimal("0.01"), 1)}, after={"a": Part(Decimal("0.01"), 1)}, months_before=1, months_after=5e-324
)
@example(before={"a": Part(Decimal(0), 0)}, after={}, months_before=2, months_after=5e-324)
@given(before=values, after=values, months_before=months, months_after=months)
def test_the_effects_add_up_to_the_change_of_each_value_to_the_cent(
    before: dict[str, Part], after: dict[str, Part], months_before: float, months_after: float
) -> None:
    effects = decompose(period(before, months_before), period(after, months_after))
    assert set(effects) == set(before) | set(after)
    nothing = Part(Decimal(), 0)
    for value, split in effects.items():
        change = after.get(value, nothing).amount - before.get(value, nothing).amount
        assert sum(split.model_dump().values()) == change


def test_a_change_of_one_factor_alone_is_the_effect_of_that_factor() -> None:
    before = period({"a": Part(Decimal(100), 10), "b": Part(Decimal(300), 10)}, 50.0)
    dearer = period({"a": Part(Decimal(110), 10), "b": Part(Decimal(330), 10)}, 50.0)
    assert [split.price for split in decompose(before, dearer).values()] == [Decimal(10), Decimal(30)]
    more_use = period({"a": Part(Decimal(200), 20), "b": Part(Decimal(600), 20)}, 50.0)
    assert [split.use for split in decompose(before, more_use).values()] == [Decimal(100), Decimal(300)]
    more_members = period({"a": Part(Decimal(200), 20), "b": Part(Decimal(600), 20)}, 100.0)
    assert [split.members for split in decompose(before, more_members).values()] == [Decimal(100), Decimal(300)]


def test_what_is_new_or_gone_is_mix() -> None:
    effects = decompose(period({"gone": Part(Decimal(5), 1)}, 1.0), period({"new": Part(Decimal(7), 1)}, 1.0))
    assert {value: split.mix for value, split in effects.items()} == {"gone": Decimal(-5), "new": Decimal(7)}


def test_whole_months_are_compared_with_whole_months() -> None:
    assert _before(date(2025, 3, 1), date(2025, 3, 31), "before") == (date(2025, 2, 1), date(2025, 2, 28))
    assert _before(date(2024, 2, 1), date(2024, 2, 29), "year") == (date(2023, 2, 1), date(2023, 2, 28))
    assert _before(date(2025, 3, 10), date(2025, 3, 16), "before") == (date(2025, 3, 3), date(2025, 3, 9))


@given(first=st.dates(date(2020, 1, 1)), days=st.integers(0, 400))
def test_the_days_before_end_where_the_days_begin(first: date, days: int) -> None:
    last = min(first + timedelta(days=days), date.max)
    assert _before(first, last, "before")[1] == first - timedelta(days=1)


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


def test_the_change_under_a_search_for_patients_has_no_parts(client: httpx.Client) -> None:
    answer = client.get("/api/what-changed?received_from=2025-01-23&received_to=2025-02-03&patient=brown").json()
    assert "has no parts" in answer["compared"]["reason"]
    assert answer["items"] == []
