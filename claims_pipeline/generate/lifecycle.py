"""The versions of a claim: received as a draft or active, changed on later days, settled within 60 days."""

from dataclasses import dataclass

import numpy as np

from claims_pipeline.generate.draws import Bits, Draws, Integers, WeightTable

STATUSES = ("active", "cancelled", "draft")
ACTIVE, CANCELLED, DRAFT = range(3)

PATHS: tuple[tuple[float, tuple[int, ...]], ...] = (
    (0.72, (ACTIVE,)),
    (0.13, (DRAFT, ACTIVE)),
    (0.08, (ACTIVE, CANCELLED)),
    (0.02, (DRAFT, ACTIVE, CANCELLED)),
    (0.05, (DRAFT,)),
)
"""Share of claims and the statuses of their versions; finally 85 % are active, 10 % cancelled, 5 % draft."""

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


def _paths(draws: Draws, claims: Bits) -> Integers:
    return WeightTable([share for share, _ in PATHS]).choose(draws.bits("claim/life cycle", claims))


def versions_between(draws: Draws, claims: Bits, received: Integers, *, first: int, last: int) -> Versions:
    """Return the versions received on `first`..`last` of the claims with these counters."""
    path = _paths(draws, claims)
    to_second = 1 + draws.below("claim/first change", claims, FIRST_CHANGE_WITHIN)
    to_third = to_second + 1 + draws.below("claim/later change", claims, LATER_CHANGE_WITHIN)
    found = []
    for number, delay in enumerate((np.zeros_like(to_second), to_second, to_third), start=1):
        day = received + delay
        (claim,) = np.nonzero((number <= _LENGTHS[path]) & (day >= first) & (day <= last))
        found.append((claim, day[claim], np.full(len(claim), number), _STATUS[path[claim], number - 1]))
    return Versions(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
