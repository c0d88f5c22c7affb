"""The plan of some days: who is seen for what, when, and which claims and versions the payer receives.

A pure function of (feed, day): a claim's counter is (day received, index within the day), and nothing else decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from claims_pipeline.errors import ConfigError
from claims_pipeline.generate.calendar import LONGEST_LAG, calendar, claim_counts, cumulative_claims, lag_weights
from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.draws import SCATTER, Bits, Draws, Floats, Integers, WeightTable, pair
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE, versions_between
from claims_pipeline.generate.turns import people_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


@dataclass(frozen=True)
class Plan:
    """Claim versions as arrays of equal length, ordered by partition day, day received and index.

    Attributes:
        day: partition: the day on which the payer receives this version.
        received: day of the claim's first version.
        index: number of the claim within the day received, from 0.
        counter: the claim's counter for random draws.
        episode: the same, but shared by all visits of a course of treatment.
        version: 1 for the first version.
        status: position in lifecycle.STATUSES.
        story: row of the stories table.
        person: number of the patient, from 0.
        service: day of the service.
    """

    feed: Feed
    day: Integers
    received: Integers
    index: Integers
    counter: Bits
    episode: Bits
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
    received, index = _claims_received(feed, earliest, last)
    versions = versions_between(Draws(feed.seed), pair(received, index), received, first=first, last=last)
    order = np.lexsort((index[versions.claim], received[versions.claim], versions.day))
    received, index = received[versions.claim[order]], index[versions.claim[order]]
    counter = pair(received, index)
    story, ordinal = _stories(feed, received, index, earliest=earliest, last=last)
    person, episode = people_of(feed, story=story, ordinal=ordinal, counter=counter)
    return Plan(
        feed=feed,
        day=versions.day[order],
        received=received,
        index=index,
        counter=counter,
        episode=episode,
        version=versions.number[order],
        status=versions.status[order],
        story=story,
        person=person,
        service=_service_days(feed, received, story, counter, earliest=earliest, last=last),
    )


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
