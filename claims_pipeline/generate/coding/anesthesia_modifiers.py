"""What the modifiers of anesthesia say: the patient's physical status, and whether a nurse is directed.

The status is that of the American Society of Anesthesiologists, P1 to P3.
"""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers, pair
from claims_pipeline.generate.people.conditions import condition_names
from claims_pipeline.generate.people.population import onsets_among
from claims_pipeline.lake import Feed

HEALTHY, MILD, SEVERE = range(3)
"""P1, P2 and P3: no disease, a mild and a severe one."""
SEVERE_CONDITIONS = ("ischemic_heart_disease", "chronic_kidney_disease", "heart_failure", "atrial_fibrillation", "copd")
NO_DISEASE = ("hyperlipidemia", "osteoarthritis")
"""Conditions with which a patient may be P1."""
WORSE = 0.2
"""Share of patients who are one step worse than their conditions say, since they smoke or a disease is not controlled
(the society's examples of P2 and P3): by judgement."""
DIRECTED = 0.4
"""Share of anesthesia that a nurse gives and an anesthesiologist directs: by judgement."""


def physical_states(
    feed: Feed, people: Integers, days: Integers, counter: Bits, is_pregnant: NDArray[np.bool_]
) -> Integers:
    """Return the physical status of people on a day each: by their conditions, P2 or P3 for women giving birth.

    Args:
        feed: the feed.
        people: their numbers.
        days: the day of each.
        counter: for random draws.
        is_pregnant: who gives birth on the day.
    """
    has = onsets_among(feed, people) <= days
    names = np.array(condition_names())
    state = np.where(has[~np.isin(names, NO_DISEASE)].any(axis=0) | is_pregnant, MILD, HEALTHY)
    state[has[np.isin(names, SEVERE_CONDITIONS)].any(axis=0)] = SEVERE
    is_worse = Draws(feed.seed).uniform("claim/physical state", counter) < WORSE
    worse: Integers = np.minimum(state + is_worse, SEVERE)
    return worse


def are_directed(draws: Draws, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether a nurse gives the anesthesia of each person on a day, and an anesthesiologist directs it.

    Each of the two bills half of the fee.
    """
    directed: NDArray[np.bool_] = draws.uniform("anesthesia/directed", pair(days, people)) < DIRECTED
    return directed
