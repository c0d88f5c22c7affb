"""The plan of a day: a slice of the plan of any range, with laboratory and imaging claims after their visits."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta

import numpy as np
import pytest

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.days import day_number, weekday_of
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE
from claims_pipeline.generate.plan import LONGEST_WAIT, Plan, plan_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FEED = Feed(seed=5, patients=3_000, claims=40_000, start_date=date(2025, 1, 1), end_date=date(2025, 4, 10))
DAYS = [FEED.start_date + timedelta(days=number) for number in range(100)]
STORIES = read_table("stories")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(FEED, DAYS)


def arrays(plan: Plan) -> dict[str, np.ndarray]:
    return {field.name: getattr(plan, field.name) for field in fields(plan) if field.name != "feed"}


def on(plan: Plan, days: Sequence[date]) -> dict[str, np.ndarray]:
    chosen = (plan.day >= day_number(days[0])) & (plan.day <= day_number(days[-1]))
    return {name: values[chosen] for name, values in arrays(plan).items()}


@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (1, 1), (59, 59), (60, 61), (75, 75), (99, 99), (10, 20), (0, 99), (90, 99)]
)
def test_the_plan_of_some_days_is_that_part_of_the_plan_of_all(plan: Plan, first: int, last: int) -> None:
    days = DAYS[first : last + 1]
    alone, part = arrays(plan_of(FEED, days)), on(plan, days)
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
        plan_of(FEED, [date(2024, 12, 31), date(2025, 1, 1)])

    assert caught.value.where == "2024-12-31"


def test_claims_follow_visits_in_the_share_of_their_story_and_of_their_sources(plan: Plan) -> None:
    followed = plan.source_story >= 0
    for number, story in enumerate(STORIES.iter_rows(named=True)):
        mine = plan.story == number
        sources = (story["sources"] or "").split()
        if not sources:
            assert not followed[mine].any()
            continue
        assert set(STORIES["story"].gather(plan.source_story[mine & followed])) == set(sources)
        # three visits of the day are tried; where none fits, the claim stands alone
        fitting = STORIES.filter(STORIES["story"].is_in(sources))["share"].sum()
        expected = story["follows"] * (1 - (1 - fitting) ** 3)
        assert followed[mine].mean() == pytest.approx(expected, abs=0.06)


def test_a_claim_that_follows_a_visit_has_its_patient_and_is_on_its_day_or_soon_after(plan: Plan) -> None:
    first = plan.version == 1
    episodes = {
        (received, episode): (person, service)
        for received, episode, person, service in zip(
            plan.received[first], plan.episode[first], plan.person[first], plan.service[first], strict=True
        )
    }
    waits = []
    for row in np.flatnonzero(first & (plan.source_story >= 0)):
        person, service = episodes[plan.received[row], plan.source_episode[row]]
        assert plan.person[row] == person
        waits.append(plan.service[row] - service)
        assert plan.service[row] <= plan.received[row]

    assert set(waits) == set(range(LONGEST_WAIT))
    assert np.mean(np.array(waits) == 0) > 0.5


def test_a_study_that_waits_is_not_on_a_weekend(plan: Plan) -> None:
    first = (plan.version == 1) & (plan.source_story >= 0)
    services = {
        (received, episode): service
        for received, episode, service in zip(plan.received, plan.episode, plan.service, strict=True)
    }
    for row in np.flatnonzero(first):
        if plan.service[row] != services[plan.received[row], plan.source_episode[row]]:
            assert weekday_of(plan.service[row : row + 1])[0] < 5


def test_what_follows_nothing_says_so(plan: Plan) -> None:
    alone = plan.source_story < 0
    assert set(plan.source_story[alone]) == {-1}
    assert set(plan.source_episode[alone]) == {0}
