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
from claims_pipeline.generate.calendar import LONGEST_LAG, calendar, claim_counts, cumulative_claims, lag_weights
from claims_pipeline.generate.days import day_number, weekday_of
from claims_pipeline.generate.draws import SCATTER, Bits, Draws, Floats, Integers, WeightTable, pair
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE, versions_between
from claims_pipeline.generate.turns import turns_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

SOURCE_ATTEMPTS = 3
"""Visits of the day tried as the one that a claim follows, before it stands alone."""
LONGEST_WAIT = 4
"""Days between a visit and the laboratory or imaging study that follows; half of them are on the same day."""
SATURDAY = 5


@dataclass(frozen=True)
class Visits:
    """The visits behind claims, as arrays of equal length.

    Attributes:
        counter: the claim's counter for random draws.
        episode: the same, but shared by all visits of a course of treatment.
        is_first: whether it is the first visit of a course.
        story: row of the stories table.
        person: number of the patient, from 0.
        service: day of the service.
    """

    counter: Bits
    episode: Bits
    is_first: NDArray[np.bool_]
    story: Integers
    person: Integers
    service: Integers


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
    received, index = _claims_received(feed, earliest, last)
    versions = versions_between(Draws(feed.seed), pair(received, index), received, first=first, last=last)
    order = np.lexsort((index[versions.claim], received[versions.claim], versions.day))
    received, index = received[versions.claim[order]], index[versions.claim[order]]
    visits = _visits(feed, received, index, earliest=earliest, last=last)
    source_story, source_episode = _follow(feed, visits, received, earliest=earliest, last=last)
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


def _visits(feed: Feed, received: Integers, index: Integers, *, earliest: int, last: int) -> Visits:
    counter = pair(received, index)
    story, ordinal = _stories(feed, received, index, earliest=earliest, last=last)
    turns = turns_of(feed, story=story, ordinal=ordinal, counter=counter)
    return Visits(
        counter=counter,
        episode=turns.episode,
        is_first=turns.is_first,
        story=story,
        person=turns.person,
        service=_service_days(feed, received, story, counter, earliest=earliest, last=last),
    )


def _follow(feed: Feed, visits: Visits, received: Integers, *, earliest: int, last: int) -> tuple[Integers, Bits]:
    """Let laboratory and imaging claims follow a visit that the payer receives on the same day.

    Their person becomes that of the visit, their service is on its day or soon after it. Returns the story and the
    episode of the visit, -1 and 0 where none is followed.
    """
    draws, stories = Draws(feed.seed), read_table("stories")
    follows, may_follow = stories["follows"].to_numpy(), _sources()
    source_story, source_episode = np.full(len(received), -1), np.zeros_like(visits.counter)
    (open_claims,) = np.nonzero(draws.uniform("claim/follows", visits.counter) < follows[visits.story])
    counts = claim_counts(feed, earliest, last)
    for attempt in range(SOURCE_ATTEMPTS):
        counter = visits.counter[open_claims]
        days = received[open_claims]
        index = draws.below(f"claim/source {attempt}", counter, counts[days - earliest])
        source = _visits(feed, days, index, earliest=earliest, last=last)
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


def _claims_received(feed: Feed, first: int, last: int) -> tuple[Integers, Integers]:
    """Return day and index of every claim that is received on `first`..`last`."""
    counts = claim_counts(feed, first, last)
    received = np.repeat(np.arange(first, last + 1), counts)
    return received, np.arange(len(received)) - np.repeat(np.cumsum(counts) - counts, counts)


def _stories(feed: Feed, received: Integers, index: Integers, *, earliest: int, last: int) -> tuple[Integers, Integers]:
    """Return each claim's story and its ordinal among the feed's claims of that story (-1 for a random one).

    A day's first places belong to the stories in which people take turns, as many as their expected number passes
    whole numbers on that day; the other places are drawn. Places are scattered over the day's indices.
    """
    start = day_number(feed.start_date)
    expected = cumulative_claims(feed, last)[earliest - start : last - start + 2]
    counts = claim_counts(feed, earliest, last)
    in_turn = (read_table("stories")["draw"] != "random").to_numpy()
    whole = np.floor(expected[:, in_turn]).astype(np.int64)
    until = np.minimum(np.cumsum(np.diff(whole, axis=0), axis=1), counts[:, None])
    row = received - earliest
    shift = Draws(feed.seed).bits("day/places", received) >> np.uint64(32)
    size = counts[row].astype(np.uint64)
    place = ((index.astype(np.uint64) * SCATTER + shift) % size).astype(np.int64)
    drawn = WeightTable(np.where(in_turn, 0.0, np.diff(expected, axis=0)))
    story = drawn.choose(Draws(feed.seed).bits("claim/story", pair(received, index)), row)
    ordinal = np.full(len(row), -1)
    for column, position in enumerate(np.flatnonzero(in_turn)):
        begin = until[row, column - 1] if column else np.zeros_like(row)
        mine = (place >= begin) & (place < until[row, column])
        story[mine] = position
        ordinal[mine] = (whole[row, column] + place - begin)[mine]
    return story, ordinal


def _service_days(
    feed: Feed, received: Integers, story: Integers, counter: Bits, *, earliest: int, last: int
) -> Integers:
    services = calendar(feed, max(last, day_number(feed.end_date))).services
    first_row = earliest - day_number(feed.start_date)
    lags = lag_weights()
    days = last - earliest + 1
    weights: Floats = np.stack(
        [lags[lag] * services[first_row + LONGEST_LAG - lag :][:days] for lag in range(LONGEST_LAG + 1)], axis=-1
    )
    weights[weights.sum(axis=-1) == 0] = 1.0  # stories that befall nobody: never looked up
    row = (received - earliest) * weights.shape[1] + story
    table = WeightTable(weights.reshape(-1, LONGEST_LAG + 1))
    return received - table.choose(Draws(feed.seed).bits("claim/lag", counter), row)
