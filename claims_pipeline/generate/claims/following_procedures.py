"""Claims of other providers that a procedure brings, received with its claim in the place of a study."""

from collections.abc import Callable

import numpy as np

from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.standing import Standing, standing
from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.draws import Bits, Integers, pair
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.generate.schedule.replacements import places_taken

INSTEAD_OF = ("laboratory", "imaging")
"""Stories of the claims whose places are taken: nothing follows from them."""


def with_claims_of_procedures(
    receipts: ReceiptDays,
    parts: list[Standing],
    find: Callable[[Standing], tuple[Integers, Integers]],
    make: Callable[[Standing, Integers, Integers, Integers], Standing],
) -> list[Standing]:
    """Return the claims of a year with those that procedures bring, as long as a day has studies to replace.

    A claim that brings several has all of them or none.

    Args:
        receipts: the days of the year.
        parts: its claims; the list is emptied while the new parts are made, so that no claim is in memory twice.
        find: returns the claims of a part that bring another one, and the line that does; a claim once for each.
        make: returns the claims that some claims of a part and their lines bring, as claims of some rows.
    """
    if not parts:
        return []
    received = np.repeat(np.arange(len(receipts.counts), dtype=np.int32), receipts.counts)
    found = list(receipts.run(find, parts))
    wanted = np.concatenate([part.row[claim] for part, (claim, _) in zip(parts, found, strict=True)])
    free = [stories().index(story) for story in INSTEAD_OF]
    places = np.sort(np.concatenate([part.row[np.isin(part.story, free)] for part in parts]))
    order = np.argsort(wanted, kind="stable")
    taken, fit = places_taken(np.bincount(received[places], minlength=len(receipts.counts)), received[wanted[order]])
    place = np.full(len(wanted), NONE)
    place[order[fit]] = places[taken]
    place[np.isin(wanted, wanted[place == NONE])] = NONE
    is_taken = np.zeros(len(received), dtype=np.bool_)
    is_taken[place[place != NONE]] = True

    def made_of(item: tuple[Standing, tuple[Integers, Integers], Integers]) -> list[Standing]:
        part, (claim, line), row = item
        has_place = row != NONE
        kept = part.at(np.flatnonzero(~is_taken[part.row])) if is_taken[part.row].any() else part
        return [kept, make(part, claim[has_place], line[has_place], row[has_place])] if has_place.any() else [kept]

    rows = np.split(place, np.cumsum([len(claim) for claim, _ in found])[:-1])
    left = (parts.pop(0) for _ in found)
    return [one for made in receipts.run(made_of, zip(left, found, rows, strict=True)) for one in made]


def brought(
    part: Standing, claim: Integers, *, row: Integers, story: str, practitioner: Integers, lines: Lines
) -> Standing:
    """Return claims of other providers for the patients, days and diagnoses of some claims of a part.

    Args:
        part: claims of a year.
        claim: positions in it.
        row: rows of the year that the new claims take.
        story: story of the new claims.
        practitioner: who bills each.
        lines: their lines.
    """
    return standing(
        row=row,
        story=np.full(len(claim), stories().index(story)),
        person=part.person[claim].astype(np.int64),
        practitioner=practitioner,
        service=part.service[claim].astype(np.int64),
        is_new=np.zeros(len(claim), dtype=np.bool_),
        diagnoses=Diagnoses(part.codes[claim], part.count[claim]),
        lines=lines,
    )


def counters_of(part: Standing, claim: Integers) -> Bits:
    """Return the numbers by which draws tell the claims of a part apart: of the patient and the day."""
    return pair(part.service[claim], part.person[claim])
