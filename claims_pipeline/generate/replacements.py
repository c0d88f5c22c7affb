"""Replacement claims: a payer receives them in place of claims that are cancelled then (frequency code 7).

Which claims replace which follows from the counters of claims alone. The replacement comes on the day on which the
claim is cancelled, or if offices are closed on it, on the next one on which they are open, and takes the place of a
regular claim of that day. So the number of claims stays what the feed says. If the day has no place left, the cancelled
claim is void instead.
"""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.calendar import LONGEST_WAIT, claim_counts, next_open
from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.draws import NO_COUNTER, Bits, Draws, Integers, pair
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE, are_replaced, days_settled, stay_active
from claims_pipeline.lake import Feed


def replaced_claims(feed: Feed, received: Integers, counter: Bits, is_free: NDArray[np.bool_]) -> Bits:
    """Return the counter of the cancelled claim that each claim replaces, NO_COUNTER for none.

    Args:
        feed: the feed.
        received: day of receipt of all claims of some consecutive days, in order.
        counter: the counters of these claims.
        is_free: which of them may be replacements.
    """
    found = np.full(len(counter), NO_COUNTER)
    if not len(received):
        return found
    first, days = received[0], received[-1] - received[0] + 1
    waiting, row = _waiting(feed, received, counter)
    (places,) = np.nonzero(is_free & stay_active(Draws(feed.seed), counter))
    taken, fit = places_taken(received[places] - first, row, days)
    found[places[taken]] = waiting[fit]
    return found


def places_taken(places: Integers, wanted: Integers, days: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which places of claims others take, evenly over each day, and which of those that want one get it.

    Args:
        places: the day, from 0, of each place that is free, in order.
        wanted: the day of each claim that wants a place, in order; the first of a day are the first to get one.
        days: how many days there are.
    """
    free, asked = np.bincount(places, minlength=days), np.bincount(wanted, minlength=days)
    taken = np.minimum(free, asked)
    ordinal = _ordinals(places, free)
    share, size = taken[places], free[places]
    is_taken = (ordinal + 1) * share // size > ordinal * share // size
    return is_taken, _ordinals(wanted, asked) < taken[wanted]


def _waiting(feed: Feed, received: Integers, counter: Bits) -> tuple[Bits, Integers]:
    """Return the cancelled claims that are to be replaced on some days, with the number of that day, in its order."""
    draws, first, last = Draws(feed.seed), int(received[0]), int(received[-1])
    before = max(day_number(feed.start_date), first - LONGEST_CYCLE - LONGEST_WAIT)
    if before < first:
        counts = claim_counts(feed, before, first - 1)
        earlier = np.repeat(np.arange(before, first), counts)
        counter = np.concatenate([pair(earlier, _ordinals(earlier - before, counts)), counter])
        received = np.concatenate([earlier, received])
    replaced = are_replaced(draws, counter)
    counter, received = counter[replaced], received[replaced]
    day = next_open(days_settled(draws, counter, received))
    order = np.argsort(day, kind="stable")
    order = order[(day[order] >= first) & (day[order] <= last)]
    return counter[order], day[order] - first


def _ordinals(rows: Integers, counts: Integers) -> Integers:
    """Return the number of each element within its row, from 0; rows are in order and have `counts` elements."""
    ordinals: Integers = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    return ordinals
