"""The versions of a claim: received as a draft or active, changed on later days, settled within 60 days.

A cancelled claim is either replaced, by a claim of its own id (replacements), or void.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import WeightTable
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers

STATUSES = ("active", "cancelled", "draft")
ACTIVE, CANCELLED, DRAFT = range(3)

PATHS: tuple[tuple[float, tuple[int, ...]], ...] = (
    (0.69, (ACTIVE,)),
    (0.03, (ACTIVE, ACTIVE)),
    (0.13, (DRAFT, ACTIVE)),
    (0.08, (ACTIVE, CANCELLED)),
    (0.02, (DRAFT, ACTIVE, CANCELLED)),
    (0.05, (DRAFT,)),
)
"""Share of claims and the statuses of their versions; finally 85 % are active, 10 % cancelled, 5 % draft."""

CORRECTED = 1
"""Position in PATHS of claims whose second version corrects the first."""
REPLACED_SHARE = 0.4
"""Share of cancelled claims that are replaced; the others are voided. With the corrected ones 7 percent of claims are
put right, as many as insurers paid wrongly (AMA National Health Insurer Report Card 2013: 7.1 percent)."""
MISTAKEN_DRAFTS = 0.3
"""Share of drafts that differ from the claim that they become: by judgement."""

FIRST_CHANGE_WITHIN = 20
LATER_CHANGE_WITHIN = 40
LONGEST_CYCLE = FIRST_CHANGE_WITHIN + LATER_CHANGE_WITHIN
"""Days from the first version to the last, at most."""

_LENGTHS = np.array([len(statuses) for _, statuses in PATHS])
_STATUS = np.array([[*statuses, *[ACTIVE] * (3 - len(statuses))] for _, statuses in PATHS])


@dataclass(frozen=True)
class Versions:
    """Versions of claims as arrays of equal length.

    Attributes:
        claim: position of the claim in the arrays given.
        day: day on which the payer receives the version.
        number: 1 for the first version.
        status: position in STATUSES.
    """

    claim: Integers
    day: Integers
    number: Integers
    status: Integers


def last_statuses(draws: Draws, claims: Bits) -> Integers:
    """Return the position in STATUSES of the last version of the claims with these counters."""
    path = _paths(draws, claims)
    last: Integers = _STATUS[path, _LENGTHS[path] - 1]
    return last


def stay_active(draws: Draws, claims: Bits) -> NDArray[np.bool_]:
    """Return which claims are active in their only version."""
    stay: NDArray[np.bool_] = _paths(draws, claims) == 0
    return stay


def are_replaced(draws: Draws, claims: Bits) -> NDArray[np.bool_]:
    """Return which claims end as cancelled because another claim is to be sent in their place."""
    chosen = draws.uniform("claim/replaced", claims) < REPLACED_SHARE
    replaced: NDArray[np.bool_] = chosen & (last_statuses(draws, claims) == CANCELLED)
    return replaced


def are_mistaken(draws: Draws, claims: Bits, numbers: Integers) -> NDArray[np.bool_]:
    """Return which versions, by number, have a mistake: one that a later version or a replacement puts right.

    A claim that is to be replaced has its mistake even if there is no place for the replacement and it becomes void.
    """
    path = _paths(draws, claims)
    is_first = (numbers == 1) & (_LENGTHS[path] > 1)
    is_draft = is_first & (_STATUS[path, 0] == DRAFT) & (draws.uniform("claim/draft", claims) < MISTAKEN_DRAFTS)
    mistaken: NDArray[np.bool_] = is_draft | (is_first & (path == CORRECTED)) | are_replaced(draws, claims)
    return mistaken


def days_settled(draws: Draws, claims: Bits, received: Integers) -> Integers:
    """Return the day of the last version of claims that have several."""
    to_second, to_third = _delays(draws, claims)
    return received + np.where(_LENGTHS[_paths(draws, claims)] > 2, to_third, to_second)


def _delays(draws: Draws, claims: Bits) -> tuple[Integers, Integers]:
    """Return the days from the first version to the second and to the third."""
    to_second = 1 + draws.below("claim/first change", claims, FIRST_CHANGE_WITHIN)
    return to_second, to_second + 1 + draws.below("claim/later change", claims, LATER_CHANGE_WITHIN)


def _paths(draws: Draws, claims: Bits) -> Integers:
    return WeightTable([share for share, _ in PATHS]).choose(draws.bits("claim/life cycle", claims))


def versions_between(draws: Draws, claims: Bits, received: Integers, *, first: int, last: int) -> Versions:
    """Return the versions received on `first`..`last` of the claims with these counters."""
    path = _paths(draws, claims)
    to_second, to_third = _delays(draws, claims)
    found = []
    for number, delay in enumerate((np.zeros_like(to_second), to_second, to_third), start=1):
        day = received + delay
        (claim,) = np.nonzero((number <= _LENGTHS[path]) & (day >= first) & (day <= last))
        found.append((claim, day[claim], np.full(len(claim), number), _STATUS[path[claim], number - 1]))
    return Versions(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def latest_until(draws: Draws, claims: Bits, received: Integers, numbers: Integers, *, until: int) -> NDArray[np.bool_]:
    """Return which versions, by number, are the last ones of their claims that the payer receives until a day."""
    to_second, to_third = _delays(draws, claims)
    following = received + np.where(numbers == 1, to_second, to_third)
    latest: NDArray[np.bool_] = (numbers == _LENGTHS[_paths(draws, claims)]) | (following > until)
    return latest
