"""Membership in large sets of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def are_among(values: NDArray[np.integer[Any]], ordered: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Return which values are among some numbers in ascending order.

    np.isin hashes large numbers, which takes up to a hundred times as long as a sort.
    """
    found: NDArray[np.bool_] = np.searchsorted(ordered, values) < np.searchsorted(ordered, values, side="right")
    return found
