"""Claims that have not been compared with the patients' histories yet."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.draws import NO_COUNTER, Integers, narrowed
from claims_pipeline.generate.numbers.parts import Run, parts_of
from claims_pipeline.generate.schedule.following import follow
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.years.redraws import redrawn
from claims_pipeline.lake import Feed


@dataclass(frozen=True)
class Draft:
    """Claims as arrays with one element a claim.

    Attributes:
        row: position among the claims of the part of the year.
        codes: rows of diagnoses, shape (claims, most diagnoses), where they do not follow from the slots.
        source_story, source_episode: of the visit that it follows; NONE where it follows none.
    """

    row: Integers
    slots: Slots
    source_story: Integers
    source_episode: NDArray[np.uint64]
    codes: Integers | None = None

    def at(self, rows: NDArray[np.bool_] | Integers) -> "Draft":
        """Return some of the claims."""
        codes = None if self.codes is None else self.codes[rows]
        return Draft(self.row[rows], self.slots.at(rows), self.source_story[rows], self.source_episode[rows], codes)


def planned_draft(receipts: ReceiptDays) -> Draft:
    """Return the draft of the claims for planned visits; where one does not fit, the claim is drawn as any other."""
    row, visits = receipts.planned
    is_first = np.zeros(len(row), dtype=np.bool_)
    slots = Slots(visits.counter, visits.episode, is_first, visits.story, visits.person, visits.service)
    no_source, no_episode = np.full(len(row), NONE), np.zeros(len(row), dtype=np.uint64)
    return Draft(row, slots.narrowed(), no_source, no_episode, visits.codes)


def regular_draft(feed: Feed, first: int, last: int, run: Run) -> tuple[ReceiptDays, Draft | None]:
    """Return some days of receipt and the draft of each of their claims but for replacements, None without claims."""
    receipts = ReceiptDays(feed, first, last, run)
    row = narrowed(np.flatnonzero(receipts.replaces == NO_COUNTER))
    if not len(row):
        return receipts, None
    slots = receipts.slots(row)
    return receipts, Draft(row, slots, *follow(receipts, slots, row))


def redrawn_draft(feed: Feed, draft: Draft, attempt: int, run: Run) -> Draft:
    """Return claims with somebody else as the patient."""
    parts = [draft.slots.at(part) for part in parts_of(len(draft.row))]
    slots = Slots.joined(list(run(partial(redrawn, feed, attempt=attempt), parts)))
    is_same = slots.person == draft.slots.person
    return replace(draft, slots=slots, source_story=np.where(is_same, draft.source_story, NONE))
