"""The first person can be chosen on every day."""

from datetime import date

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.people.choosing import may_be_chosen
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

FEED = Feed(seed=7, patients=40_000, claims=100, start_date=date(2024, 1, 1), end_date=date(2026, 12, 31))


@pytest.mark.parametrize("profile", read_table("people_profiles")["people"])
def test_the_first_person_can_always_be_chosen(profile: str) -> None:
    days = np.array([day_number(FEED.start_date) - 365, day_number(date(2050, 7, 1))])
    assert may_be_chosen(FEED, profile, np.zeros(2, dtype=np.int64), days).all()
