"""The plan of some days: who is seen for what, when, and which claims and versions the payer receives.

A pure function of (feed, day): a claim's counter is (day received, index within the day), and nothing else decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.calendar import LONGEST_LAG, calendar, claims_before, cumulative_claims, lag_weights
from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.draws import Bits, Draws, Floats, Integers, WeightTable, pair
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE, versions_between
from claims_pipeline.generate.population import population
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

_STRIDE = np.uint64(2_654_435_761)
"""A prime: multiples of it visit the places of a day once each, in a scattered order."""


@dataclass(frozen=True)
class Plan:
    """Claim versions as arrays of equal length, ordered by partition day, day received and index.

    Attributes:
        day: partition: the day on which the payer receives this version.
        received: day of the claim's first version.
        index: number of the claim within the day received, from 0.
        counter: the claim's counter for random draws.
        version: 1 for the first version.
        status: position in lifecycle.STATUSES.
        story: position in calendar.stories().
        person: number of the patient, from 0.
        service: day of the service.
    """

    feed: Feed
    day: Integers
    received: Integers
    index: Integers
    counter: Bits
    version: Integers
    status: Integers
    story: Integers
    person: Integers
    service: Integers


def plan_of(feed: Feed, days: Sequence[date]) -> Plan:
    """Return the plan of consecutive days.

    Raises:
        ConfigError: a day lies before the feed's first day.
    """
    if min(days) < feed.start_date:
        raise ConfigError(f"the feed begins on {feed.start_date}", where=str(min(days)), fix="choose a later day")
    first, last = day_number(min(days)), day_number(max(days))
    earliest = max(day_number(feed.start_date), first - LONGEST_CYCLE)
    draws = Draws(feed.seed)
    received, index = _claims_received(feed, earliest, last)
    versions = versions_between(draws, pair(received, index), received, first=first, last=last)
    order = np.lexsort((index[versions.claim], received[versions.claim], versions.day))
    received, index = received[versions.claim[order]], index[versions.claim[order]]
    counter = pair(received, index)
    story, _ = _stories(feed, received, index, earliest=earliest, last=last)
    return Plan(
        feed=feed,
        day=versions.day[order],
        received=received,
        index=index,
        counter=counter,
        version=versions.number[order],
        status=versions.status[order],
        story=story,
        person=_persons(feed, counter),
        service=_service_days(feed, received, story, counter, earliest=earliest, last=last),
    )


def _claims_received(feed: Feed, first: int, last: int) -> tuple[Integers, Integers]:
    """Return day and index of every claim that is received on `first`..`last`."""
    before = claims_before(feed, last)[first - day_number(feed.start_date) :]
    counts = np.diff(before)[: last - first + 1]
    received = np.repeat(np.arange(first, last + 1), counts)
    return received, np.arange(len(received)) - np.repeat(np.cumsum(counts) - counts, counts)


def _stories(feed: Feed, received: Integers, index: Integers, *, earliest: int, last: int) -> tuple[Integers, Integers]:
    """Return each claim's story and its ordinal within the feed's claims of a rotating story (else -1).

    A day's first places belong to the rotating stories, as many as their expected number passes whole numbers on that
    day; the others are drawn. Places are scattered over the day's indices.
    """
    start = day_number(feed.start_date)
    expected = cumulative_claims(feed, last)[earliest - start : last - start + 2]
    counts = np.diff(claims_before(feed, last))[earliest - start : last - start + 1]
    rotates = (read_table("stories")["draw"] == "rotation").to_numpy()
    whole = np.floor(expected[:, rotates]).astype(np.int64)
    until = np.minimum(np.cumsum(np.diff(whole, axis=0), axis=1), counts[:, None])
    row = received - earliest
    shift = Draws(feed.seed).bits("day/places", received) >> np.uint64(32)
    size = counts[row].astype(np.uint64)
    place = ((index.astype(np.uint64) * _STRIDE + shift) % size).astype(np.int64)
    bits = Draws(feed.seed).bits("claim/story", pair(received, index))
    story = WeightTable(np.where(rotates, 0.0, np.diff(expected, axis=0))).choose(bits, row)
    ordinal = np.full(len(row), -1)
    for column, position in reversed(list(enumerate(np.flatnonzero(rotates)))):
        from_place = until[row, column - 1] if column else 0
        mine = (place >= from_place) & (place < until[row, column])
        story[mine] = position
        ordinal[mine] = (whole[row, column] + place - from_place)[mine]
    return story, ordinal


def _persons(feed: Feed, counter: Bits) -> Integers:
    cumulative = np.cumsum(population(feed).use_weight)
    wanted = Draws(feed.seed).uniform("claim/person", counter) * cumulative[-1]
    person: Integers = np.searchsorted(cumulative, wanted, side="right")
    return np.minimum(person, feed.patients - 1)


def _service_days(
    feed: Feed, received: Integers, story: Integers, counter: Bits, *, earliest: int, last: int
) -> Integers:
    services = calendar(day_number(feed.start_date), max(last, day_number(feed.end_date))).services
    first_row = earliest - day_number(feed.start_date)
    lags = lag_weights()
    days = last - earliest + 1
    weights: Floats = np.stack(
        [lags[lag] * services[first_row + LONGEST_LAG - lag :][:days] for lag in range(LONGEST_LAG + 1)], axis=-1
    )
    row = (received - earliest) * weights.shape[1] + story
    table = WeightTable(weights.reshape(-1, LONGEST_LAG + 1))
    return received - table.choose(Draws(feed.seed).bits("claim/lag", counter), row)
