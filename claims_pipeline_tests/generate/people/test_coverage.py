"""The plan that covers a person on a day."""

import tracemalloc
from datetime import date

import numpy as np

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Integers
from claims_pipeline.generate.people.coverage import span_on
from claims_pipeline.lake import Feed

FEED = Feed(seed=3, patients=5_000, claims=1_000, start_date=date(2020, 1, 1), end_date=date(2029, 12, 31))


def plans_in(year: int) -> Integers:
    """Return the row of the plan of everybody in the middle of a year."""
    return span_on(
        FEED, people=np.arange(FEED.patients), days=np.full(FEED.patients, day_number(date(year, 7, 1)))
    ).plan


def test_the_plans_of_earlier_years_are_the_same_when_they_are_asked_for_again_and_take_no_memory() -> None:
    first = plans_in(2020)
    tracemalloc.start()
    try:
        others = [len(plans_in(year)) for year in range(2021, 2030)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert others == [FEED.patients] * 9
    assert held / FEED.patients < 25, "bytes a person"
    assert plans_in(2020).tolist() == first.tolist()
