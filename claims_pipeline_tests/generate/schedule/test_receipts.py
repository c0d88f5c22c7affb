"""The claims that the payer receives on some days."""

from datetime import date

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG
from claims_pipeline.generate.schedule.planned_visits import planned_receipt
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.schedule.stays import LONGEST_STAY
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FIRST = date(2025, 1, 1)
FEED = Feed(seed=5, patients=50, claims=90, start_date=FIRST, end_date=date(2025, 3, 31))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 10), (7, 23), (23, 23)])
def test_claims_at_some_positions_are_those_of_all_claims_there(first: int, last: int) -> None:
    """Some of the days have no claim."""
    receipts = ReceiptDays(FEED, day_number(FIRST), day_number(date(2025, 1, 31)))
    assert (receipts.counts == 0).any()
    received = np.repeat(np.arange(len(receipts.counts)), receipts.counts) + day_number(FIRST)
    index = np.concatenate([np.arange(count) for count in receipts.counts])
    some_received, some_index = receipts.claims_at(np.arange(first, last))
    assert np.array_equal(some_received, received[first:last])
    assert np.array_equal(some_index, index[first:last])


@pytest.mark.parametrize("days", [0, LONGEST_STAY])
def test_no_claim_of_a_planned_visit_comes_later_than_a_year_after_its_service(days: int) -> None:
    last_service = np.repeat(np.arange(day_number(FIRST), day_number(FIRST) + 366), 400)
    bits = Draws(3).bits("test", np.arange(len(last_service)))
    waits = planned_receipt(last_service, bits, days=days) - (last_service - days)

    assert LONGEST_LAG - 20 < waits.max() <= LONGEST_LAG
    assert waits.min() >= days


def test_a_visit_of_a_course_is_received_within_a_year_of_its_service() -> None:
    receipts = ReceiptDays(FEED.model_copy(update={"claims": 200_000}), day_number(FIRST), day_number(date(2025, 1, 8)))
    rows = np.arange(receipts.counts.sum())
    received, _ = receipts.claims_at(rows)
    slots = receipts.slots(rows)
    is_course = (read_table("stories")["draw"] == "course").to_numpy()[slots.story]

    assert is_course.sum() > 1_000
    assert (received - slots.service)[is_course].max() <= LONGEST_LAG
