"""Replacement claims: a payer receives them in place of claims that are cancelled then (frequency code 7).

Which claims replace which follows from the counters of claims alone. The replacement comes on the day on which the
claim is cancelled, or if offices are closed on it, on the next one on which they are open, and takes the place of a
regular claim of that day. So the number of claims stays what the feed says. If the day has no place left, the cancelled
claim is void instead.
"""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Bits, Draws, Integers, pair, unpair
from claims_pipeline.generate.schedule.calendar import LONGEST_WAIT, claim_counts, next_open
from claims_pipeline.generate.schedule.lifecycle import LONGEST_CYCLE, are_replaced, days_settled
from claims_pipeline.lake import Feed


def replaced_claims(feed: Feed, first: int, counts: Integers, are_places: NDArray[np.bool_], cancelled: Bits) -> Bits:
    """Return the counter of the cancelled claim that each claim of some days replaces, NO_COUNTER for none.

    Args:
        feed: the feed.
        first: the first day of receipt.
        counts: how many claims each day has.
        are_places: which claims may be replacements.
        cancelled: the counters of those of the claims that are to be replaced, in order.
    """
    found = np.full(len(are_places), NO_COUNTER)
    if not len(found):
        return found
    waiting, row = _waiting(feed, first, first + len(counts) - 1, cancelled)
    (places,) = np.nonzero(are_places)
    taken, fit = places_taken(trues_of_days(are_places, counts), row)
    found[places[taken]] = waiting[fit]
    return found


def trues_of_days(are_true: NDArray[np.bool_], counts: Integers) -> Integers:
    """Return how many claims of each day are true, given how many claims each day has."""
    return np.array([np.count_nonzero(of_day) for of_day in np.split(are_true, np.cumsum(counts)[:-1])])


def places_taken(free: Integers, wanted: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return which places of claims others take, evenly over each day, and which of those that want one get it.

    Args:
        free: how many places are free on each day. Places are counted through all days.
        wanted: the number of the day, from 0, of each claim that wants a place, in order; the first of a day are the
            first to get one.
    """
    taken = np.minimum(free, np.bincount(wanted, minlength=len(free)))
    day = np.repeat(np.arange(len(free)), taken)
    # the place at which a day's share of its places passes the next whole number
    place = (np.cumsum(free) - free)[day] - (-(_ordinals(day, taken) + 1) * free[day]) // taken[day] - 1
    return place, _ordinals(wanted, np.bincount(wanted, minlength=len(free))) < taken[wanted]


def _waiting(feed: Feed, first: int, last: int, cancelled: Bits) -> tuple[Bits, Integers]:
    """Return the cancelled claims that are to be replaced on some days, with the number of that day, in its order."""
    draws = Draws(feed.seed)
    before = max(day_number(feed.start_date), first - LONGEST_CYCLE - LONGEST_WAIT)
    if before < first:
        counts = claim_counts(feed, before, first - 1)
        received = np.repeat(np.arange(before, first), counts)
        earlier = pair(received, _ordinals(received - before, counts))
        cancelled = np.concatenate([earlier[are_replaced(draws, earlier)], cancelled])
    day = next_open(days_settled(draws, cancelled, unpair(cancelled)[0]))
    order = np.argsort(day, kind="stable")
    order = order[(day[order] >= first) & (day[order] <= last)]
    return cancelled[order], day[order] - first


def _ordinals(rows: Integers, counts: Integers) -> Integers:
    """Return the number of each element within its row, from 0; rows are in order and have `counts` elements."""
    ordinals: Integers = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    return ordinals
