"""How many claims each story has, and on which days offices are open."""

from datetime import date, timedelta

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.schedule.calendar import SCHEDULED, last_open, next_open, stories, story_shares
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


def feed_of(claims_a_person: float) -> Feed:
    first, last = date(2025, 1, 1), date(2025, 12, 31)
    return Feed(seed=1, patients=1_000, claims=int(1_000 * claims_a_person), start_date=first, end_date=last)


@pytest.mark.parametrize("claims_a_person", [0.5, 3.5, 4.2, 5.0, 20.0])
def test_the_shares_of_the_stories_add_up_to_one(claims_a_person: float) -> None:
    shares = story_shares(feed_of(claims_a_person))
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()


def test_services_at_an_interval_are_as_many_in_a_feed_of_few_claims_as_in_one_of_many() -> None:
    is_scheduled = read_table("stories")["draw"].is_in(SCHEDULED).to_numpy()

    few, many = (story_shares(feed)[is_scheduled] * feed.claims for feed in (feed_of(3.5), feed_of(5.0)))

    assert few == pytest.approx(many)
    assert few.min() > 0


def test_visits_that_can_wait_are_fewer_in_a_feed_of_few_claims() -> None:
    chronic_care = stories().index("chronic_care")
    few, many = (story_shares(feed)[chronic_care] * feed.claims for feed in (feed_of(3.5), feed_of(5.0)))
    assert few < 0.7 * many


def test_offices_are_closed_at_weekends_and_on_holidays() -> None:
    saturday, memorial_day = date(2025, 5, 24), date(2025, 5, 26)
    days = np.array([day_number(saturday + timedelta(days=after)) for after in range(4)])
    friday, tuesday = day_number(saturday) - 1, day_number(memorial_day) + 1

    assert last_open(days).tolist() == [friday, friday, friday, tuesday]
    assert next_open(days).tolist() == [tuesday] * 4
    assert last_open(days[:0]).tolist() == []
