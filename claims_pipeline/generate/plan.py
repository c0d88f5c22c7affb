"""The plan of some days: who is seen for what, when, and which claims and versions the payer receives.

A pure function of (feed, day): a claim's counter is (day received, index within the day), and nothing else decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.days import day_number, weekday_of
from claims_pipeline.generate.draws import Bits, Draws, Integers, pair
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE, versions_between
from claims_pipeline.generate.visits import ReceiptDays, Visits
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

SOURCE_ATTEMPTS = 3
"""Visits of the day tried as the one that a claim follows, before it stands alone."""
LONGEST_WAIT = 4
"""Days between a visit and the laboratory or imaging study that follows; half of them are on the same day."""
SATURDAY = 5


@dataclass(frozen=True)
class Plan(Visits):
    """Claim versions as arrays of equal length, ordered by partition day, day received and index.

    Attributes:
        day: partition: the day on which the payer receives this version.
        received: day of the claim's first version.
        index: number of the claim within the day received, from 0.
        version: 1 for the first version.
        status: position in lifecycle.STATUSES.
        source_story, source_episode: story and episode of the visit that the claim follows; -1 where it follows none.
    """

    feed: Feed
    day: Integers
    received: Integers
    index: Integers
    version: Integers
    status: Integers
    source_story: Integers
    source_episode: Bits


def plan_of(feed: Feed, days: Sequence[date]) -> Plan:
    """Return the plan of consecutive days.

    Raises:
        ConfigError: a day lies before the feed's first day.
    """
    if min(days) < feed.start_date:
        raise ConfigError(f"the feed begins on {feed.start_date}", where=str(min(days)), fix="choose a later day")
    first, last = day_number(min(days)), day_number(max(days))
    earliest = max(day_number(feed.start_date), first - LONGEST_CYCLE)
    receipts = ReceiptDays(feed, earliest, last)
    received, index = receipts.claims()
    versions = versions_between(Draws(feed.seed), pair(received, index), received, first=first, last=last)
    order = np.lexsort((index[versions.claim], received[versions.claim], versions.day))
    received, index = received[versions.claim[order]], index[versions.claim[order]]
    visits = receipts.visits(received, index)
    source_story, source_episode = _follow(receipts, visits, received)
    return Plan(
        **vars(visits),
        feed=feed,
        day=versions.day[order],
        received=received,
        index=index,
        version=versions.number[order],
        status=versions.status[order],
        source_story=source_story,
        source_episode=source_episode,
    )


def _follow(receipts: ReceiptDays, visits: Visits, received: Integers) -> tuple[Integers, Bits]:
    """Let laboratory and imaging claims follow a visit that the payer receives on the same day.

    Their person becomes that of the visit, their service is on its day or soon after it. Returns the story and the
    episode of the visit, -1 and 0 where none is followed.
    """
    draws, may_follow = Draws(receipts.feed.seed), _sources()
    follows = read_table("stories")["follows"].to_numpy()
    source_story, source_episode = np.full(len(received), -1), np.zeros_like(visits.counter)
    (open_claims,) = np.nonzero(draws.uniform("claim/follows", visits.counter) < follows[visits.story])
    for attempt in range(SOURCE_ATTEMPTS):
        days = received[open_claims]
        counts = receipts.counts[days - receipts.first]
        index = draws.below(f"claim/source {attempt}", visits.counter[open_claims], counts)
        source = receipts.visits(days, index)
        fits = may_follow[visits.story[open_claims], source.story]
        claims, chosen = open_claims[fits], np.flatnonzero(fits)
        visits.person[claims] = source.person[chosen]
        wait = draws.below("claim/wait", visits.counter[claims], 2 * LONGEST_WAIT) - LONGEST_WAIT
        after = source.service[chosen] + np.maximum(wait, 0)
        can_wait = (after <= received[claims]) & (weekday_of(after) < SATURDAY)
        visits.service[claims] = np.where(can_wait, after, source.service[chosen])
        source_story[claims], source_episode[claims] = source.story[chosen], source.episode[chosen]
        open_claims = open_claims[~fits]
    return source_story, source_episode


@cache
def _sources() -> NDArray[np.bool_]:
    """Return which story (row) may follow a visit of which (column)."""
    stories = read_table("stories")
    names = stories["story"].to_list()
    return np.array([[name in (sources or "").split() for name in names] for sources in stories["sources"]])
