"""Laboratory and imaging claims that follow a visit: the same patient, the same reason, on its day or soon after."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.days import weekday_of
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers
from claims_pipeline.generate.numbers.parts import parts_of
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.in_turn import NOBODY
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.well_child import children_due
from claims_pipeline.reference import read_table

SOURCE_ATTEMPTS = 3
"""Visits of the day tried as the one that a claim follows, before it stands alone."""
LONGEST_WAIT = 4
"""Days between a visit and the laboratory or imaging study that follows; half of them are on the same day."""
SATURDAY = 5


def follow(receipts: ReceiptDays, slots: Slots, row: Integers) -> tuple[Integers, Bits]:
    """Let laboratory and imaging claims follow a visit that the payer receives on the same day.

    Their person becomes that of the visit, their service is on its day or soon after it. Returns the story and the
    episode of the visit, -1 and 0 where none is followed.

    Args:
        receipts: the days.
        slots: what claims are about; all but replacements, which no claim follows.
        row: position of each among the claims of the days.
    """
    draws, may_follow = Draws(receipts.feed.seed), _sources()
    follows = read_table("stories")["follows"].to_numpy()
    source_story, source_episode = np.full_like(slots.story, -1), np.zeros_like(slots.counter)
    position = np.zeros(int(receipts.counts.sum()), dtype=np.int32)
    position[row] = np.arange(len(row), dtype=np.int32)

    def open_in(part: slice) -> Integers:
        chance = draws.uniform("claim/follows", slots.counter[part])
        here: Integers = part.start + np.flatnonzero(chance < follows[slots.story[part]])
        return here

    open_claims = np.concatenate(list(receipts.run(open_in, parts_of(len(row)))))
    for attempt in range(SOURCE_ATTEMPTS):
        days, _ = receipts.claims_at(row[open_claims])
        counts = receipts.counts[days - receipts.first]
        index = draws.below(f"claim/source {attempt}", slots.counter[open_claims], counts)
        is_free = ~receipts.are_taken(days, index)
        rows = receipts.rows(days, index)
        source = slots.at(position[rows].astype(np.int64))
        if _may_be_another(receipts, source, is_free & receipts.are_due(days, index)):
            source = receipts.slots(rows)
        fits = may_follow[slots.story[open_claims], source.story] & is_free
        claims, chosen = open_claims[fits], np.flatnonzero(fits)
        slots.person[claims] = source.person[chosen]
        wait = draws.below("claim/wait", slots.counter[claims], 2 * LONGEST_WAIT) - LONGEST_WAIT
        after = source.service[chosen] + np.maximum(wait, 0)
        can_wait = (after <= days[chosen]) & (weekday_of(after) < SATURDAY)
        can_wait &= population(receipts.feed).covers(slots.person[claims], after)
        slots.service[claims] = np.where(can_wait, after, source.service[chosen])
        source_story[claims], source_episode[claims] = source.story[chosen], source.episode[chosen]
        open_claims = open_claims[~fits]
    return source_story, source_episode


def _may_be_another(receipts: ReceiptDays, source: Slots, is_due: NDArray[np.bool_]) -> bool:
    """Return whether one of some claims for children who are due is about something else when it is drawn without all.

    That is so where a claim finds no child for itself.
    """
    due = source.at(is_due)
    uniform = Draws(receipts.feed.seed).uniform("claim/person", due.counter)
    return bool((children_due(receipts.feed, uniform, due.service) == NOBODY).any())


@cache
def _sources() -> NDArray[np.bool_]:
    """Return which story (row) may follow a visit of which (column)."""
    stories = read_table("stories")
    names = stories["story"].to_list()
    return np.array([[name in (sources or "").split() for name in names] for sources in stories["sources"]])
