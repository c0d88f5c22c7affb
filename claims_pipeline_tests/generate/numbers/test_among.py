"""Membership in large sets of numbers."""

from typing import Any

import numpy as np
import pytest

from claims_pipeline.generate.numbers.among import are_among


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_numbers_are_found_where_they_stand_once_or_several_times(kind: type[np.integer[Any]]) -> None:
    ordered = np.array([3, 5, 5, 2**62], dtype=kind)
    values = np.array([2**62, 4, 5, 0, 3, 2**62 + 1], dtype=kind)
    assert are_among(values, ordered).tolist() == [True, False, True, False, True, False]


def test_nothing_is_among_no_numbers() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert are_among(np.array([0, 7]), nothing).tolist() == [False, False]
    assert are_among(nothing, np.array([0, 7])).tolist() == []
