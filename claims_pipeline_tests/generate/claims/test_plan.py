"""The plan of a day: a slice of the plan of any range."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.claims.plan import Plan, days_received, plan_of
from claims_pipeline.generate.numbers.days import day_number, day_of
from claims_pipeline.generate.schedule.lifecycle import LONGEST_CYCLE
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=3_000, claims=40_000, start_date=date(2025, 1, 1), end_date=date(2025, 4, 10))
DAYS = [FEED.start_date + timedelta(days=number) for number in range(100)]


@pytest.fixture(scope="module")
def year() -> pl.DataFrame:
    return visits_of(FEED, 2025)


@pytest.fixture(scope="module")
def plan(year: pl.DataFrame) -> Plan:
    return plan_of(FEED, DAYS, year)


def arrays(plan: Plan) -> dict[str, np.ndarray]:
    """Return the arrays with one element a claim; lines as one text a claim."""
    lines = plan.lines
    texts = pl.DataFrame({"claim": lines.claim, "line": np.char.mod("%d", lines.code)})
    joined = texts.group_by("claim", maintain_order=True).agg(pl.col("line").str.join(" "))["line"]
    found = {"lines": joined.to_numpy(), "diagnoses": plan.diagnoses.codes}
    names = [field.name for field in fields(plan) if field.name not in ("feed", "lines", "diagnoses")]
    return found | {name: getattr(plan, name) for name in names}


def on(plan: Plan, days: Sequence[date]) -> dict[str, np.ndarray]:
    chosen = (plan.day >= day_number(days[0])) & (plan.day <= day_number(days[-1]))
    return {name: values[chosen] for name, values in arrays(plan).items()}


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (1, 1), (59, 59), (60, 61), (75, 75), (99, 99), (10, 20), (0, 99), (90, 99)]
)
def test_the_plan_of_some_days_is_that_part_of_the_plan_of_all(
    plan: Plan, year: pl.DataFrame, first: int, last: int
) -> None:
    days = DAYS[first : last + 1]
    begin, until = (day_of(number) for number in days_received(FEED, days))
    alone = arrays(plan_of(FEED, days, year.filter(pl.col("received_date").is_between(begin, until))))
    part = on(plan, days)
    assert all((alone[name] == part[name]).all() for name in part)


def test_rows_stand_in_the_order_of_partition_day_received_and_index(plan: Plan) -> None:
    order = np.lexsort((plan.index, plan.received, plan.day))
    assert (order == np.arange(len(plan.day))).all()


def test_a_version_comes_on_the_day_received_or_within_60_days(plan: Plan) -> None:
    waited = plan.day - plan.received
    assert waited.min() == 0
    assert waited.max() > LONGEST_CYCLE / 2
    assert waited.max() <= LONGEST_CYCLE
    assert ((waited == 0) == (plan.version == 1)).all()
    assert len(np.unique(np.stack([plan.received, plan.index])[:, plan.version == 1], axis=1).T) == FEED.claims


def test_a_day_before_the_feed_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="the feed begins on 2025-01-01") as caught:
        days_received(FEED, [date(2024, 12, 31), date(2025, 1, 1)])

    assert caught.value.where == "2024-12-31"
