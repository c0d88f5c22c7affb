"""Claims in parts."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from claims_pipeline.generate.numbers import parts
from claims_pipeline.generate.numbers.parts import in_order, parts_by_person, parts_of
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed

FEED = Feed(seed=9, patients=25, claims=160, start_date=date(2024, 7, 1), end_date=date(2025, 6, 30))


@pytest.fixture(scope="module")
def years() -> list[pl.DataFrame]:
    first = visits_of(FEED, 2024, jobs=1)
    return [first, visits_of(FEED, 2025, [first], jobs=1)]


@pytest.mark.heavy
@pytest.mark.parametrize(("size", "jobs"), [(20, 1), (50, 2)])
def test_a_year_does_not_depend_on_the_size_of_parts_or_on_how_many_are_made_at_once(
    years: list[pl.DataFrame], size: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "CLAIMS_A_PART", size)
    assert_frame_equal(visits_of(FEED, 2025, years[:1], jobs=jobs), years[1])


@pytest.mark.parametrize("count", [0, 1, 10, 11])
def test_parts_hold_each_claim_once(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CLAIMS_A_PART", 5)
    positions = np.arange(count)
    assert np.concatenate([positions[part] for part in parts_of(count)]).tolist() == positions.tolist()


def test_the_claims_of_a_person_are_in_one_part_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CLAIMS_A_PART", 3)
    person = np.array([4, 2, 2, 2, 2, 9, 4, 1, 9, 5])
    assert [part.tolist() for part in parts_by_person(person)] == [[7], [1, 2, 3, 4], [0, 6, 9], [5, 8]]


def test_items_are_worked_on_in_order_and_made_when_a_job_is_near() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(9):
            made.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda item: item * item, items(), jobs=2)
        assert next(results) == 0
        assert made == [0, 1, 2]
        assert [*results] == [1, 4, 9, 16, 25, 36, 49, 64]
