"""The claims that the payer receives on some days."""

from datetime import date

import numpy as np
import pytest

from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.receipts import ReceiptDays
from claims_pipeline.lake import Feed

FIRST = date(2025, 1, 1)
FEED = Feed(seed=5, patients=50, claims=90, start_date=FIRST, end_date=date(2025, 3, 31))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, 10), (7, 23), (23, 23)])
def test_claims_at_some_positions_are_those_of_all_claims_there(first: int, last: int) -> None:
    """Some of the days have no claim."""
    receipts = ReceiptDays(FEED, day_number(FIRST), day_number(date(2025, 1, 31)))
    assert (receipts.counts == 0).any()
    received, index = receipts.claims()
    some_received, some_index = receipts.claims_between(first, last)
    assert np.array_equal(some_received, received[first:last])
    assert np.array_equal(some_index, index[first:last])
