"""Anesthesia by a nurse whom an anesthesiologist directs: each of the two bills half of the fee."""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.draws import Draws, Integers, pair

DIRECTED = 0.4
"""Share of anesthesia that is given so: by judgement."""


def are_directed(draws: Draws, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether a nurse gives the anesthesia of each person on a day, and an anesthesiologist directs it."""
    directed: NDArray[np.bool_] = draws.uniform("anesthesia/directed", pair(days, people)) < DIRECTED
    return directed
