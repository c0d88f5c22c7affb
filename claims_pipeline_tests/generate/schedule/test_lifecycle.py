"""Versions of claims: what follows what, after how many days, and in which share."""

from collections import Counter

import numpy as np
import pytest

from claims_pipeline.generate.numbers.draws import Draws, pair
from claims_pipeline.generate.schedule.lifecycle import (
    LONGEST_CYCLE,
    PATHS,
    STATUSES,
    Versions,
    latest_until,
    versions_between,
)

DRAWS = Draws(9)
CLAIMS = np.arange(40_000)
DAY = 20_000
RECEIVED = np.full(len(CLAIMS), DAY)


def versions(first: int, last: int) -> Versions:
    return versions_between(DRAWS, pair(RECEIVED, CLAIMS), RECEIVED, first=first, last=last)


@pytest.fixture(scope="module")
def everything() -> Versions:
    return versions(DAY, DAY + LONGEST_CYCLE)


def by_claim(found: Versions) -> dict[int, list[tuple[int, int, int]]]:
    """Return number, day and status of the versions of each claim, in order."""
    rows: dict[int, list[tuple[int, int, int]]] = {}
    for claim, number, day, status in zip(
        found.claim.tolist(), found.number.tolist(), found.day.tolist(), found.status.tolist(), strict=True
    ):
        rows.setdefault(claim, []).append((number, day, status))
    return {claim: sorted(of_claim) for claim, of_claim in rows.items()}


def test_every_claim_goes_one_of_the_paths_in_its_share(everything: Versions) -> None:
    paths = Counter(tuple(status for _, _, status in rows) for rows in by_claim(everything).values())

    assert paths.keys() == {statuses for _, statuses in PATHS}
    assert sum(paths.values()) == len(CLAIMS)
    for share, statuses in PATHS:
        assert paths[statuses] / len(CLAIMS) == pytest.approx(share, abs=0.006)


@pytest.mark.heavy
def test_finally_85_percent_are_active_10_cancelled_5_draft(everything: Versions) -> None:
    final = Counter(STATUSES[rows[-1][2]] for rows in by_claim(everything).values())

    shares = {status: count / len(CLAIMS) for status, count in final.items()}
    assert shares == pytest.approx({"active": 0.85, "cancelled": 0.10, "draft": 0.05}, abs=0.006)


def test_versions_are_counted_from_1_and_the_first_comes_on_the_day_received(everything: Versions) -> None:
    for rows in by_claim(everything).values():
        assert [number for number, _, _ in rows] == list(range(1, len(rows) + 1))
        assert rows[0][1] == DAY


@pytest.mark.heavy
def test_the_second_version_comes_within_20_days_and_the_third_within_40_more(everything: Versions) -> None:
    changes = [[day for _, day, _ in rows] for rows in by_claim(everything).values()]

    assert {days[1] - days[0] for days in changes if len(days) > 1} == set(range(1, 21))
    assert {days[2] - days[1] for days in changes if len(days) > 2} == set(range(1, 41))
    assert max(days[-1] for days in changes) <= DAY + LONGEST_CYCLE


def test_the_days_share_the_versions_among_them(everything: Versions) -> None:
    whole = sorted(zip(everything.day, everything.claim, everything.number, everything.status, strict=True))
    parts: list[tuple[int, ...]] = []
    for first, last in ((DAY, DAY), (DAY + 1, DAY + 20), (DAY + 21, DAY + LONGEST_CYCLE)):
        found = versions(first, last)
        assert first <= found.day.min()
        assert found.day.max() <= last
        parts += zip(found.day, found.claim, found.number, found.status, strict=True)

    assert sorted(parts) == whole


def test_before_the_first_version_there_is_none() -> None:
    assert len(versions(DAY - LONGEST_CYCLE, DAY - 1).claim) == 0


@pytest.mark.parametrize("until", [DAY, DAY + 12, DAY + 30, DAY + LONGEST_CYCLE])
def test_one_version_of_each_claim_is_the_latest_until_a_day(until: int) -> None:
    found = versions(DAY, until)
    is_latest = latest_until(
        DRAWS, pair(RECEIVED, CLAIMS)[found.claim], RECEIVED[found.claim], found.number, until=until
    )
    assert np.bincount(found.claim[is_latest], minlength=len(CLAIMS)).tolist() == [1] * len(CLAIMS)
    last_number = np.zeros(len(CLAIMS), dtype=np.int64)
    np.maximum.at(last_number, found.claim, found.number)
    assert (found.number[is_latest] == last_number[found.claim[is_latest]]).all()
