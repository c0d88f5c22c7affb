"""The pathologist's claim for tissue that a procedure removes (pathology.csv), of the day of the procedure."""

from functools import cache, partial

import numpy as np

from claims_pipeline.generate.claims.following_procedures import brought, counters_of, with_claims_of_procedures
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.standing import Standing
from claims_pipeline.generate.directory import directory_of, places_of
from claims_pipeline.generate.numbers.among import are_among
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.people.residence import residence_on
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

STORY = "pathology"
EXAMINATION = "88305"
STAIN, STAINED = "88342", 0.08
"""A further stain, and the share of claims that have one: by judgement."""


def with_pathology(receipts: ReceiptDays, parts: list[Standing]) -> list[Standing]:
    """Return the claims of a year with those of pathologists among them, in the places of studies."""
    feed = receipts.feed
    seen = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *(_days_with(feed, part) for part in parts)]))
    return with_claims_of_procedures(receipts, parts, partial(_with_tissue, feed, seen), partial(_examinations, feed))


def _days_with(feed: Feed, part: Standing) -> Integers:
    """Return the numbers of patient, day and pathologist of the claims of pathologists in a part."""
    specialty, _ = places_of(feed)
    (claim,) = np.nonzero(specialty[part.practitioner] == _pathology())
    return _numbers(part.person[claim], part.service[claim], part.practitioner[claim])


def _numbers(person: Integers, service: Integers, practitioner: Integers) -> Integers:
    """Return one number for each patient, day and practitioner: 28, 15 and 20 bits have room for all there are."""
    numbers: Integers = (service.astype(np.int64) << 28 | person.astype(np.int64)) << 20 | practitioner
    return numbers


def _with_tissue(feed: Feed, seen: Integers, part: Standing) -> tuple[Integers, Integers]:
    """Return the claims of a part whose tissue a pathologist examines, and the line of the procedure; each once.

    A pathologist who is `seen` with the patient on the day, or examines tissue of another claim of it, bills no second
    claim. The numbers in `seen` are in order.
    """
    share, _ = _table()
    (line,) = np.nonzero(share[part.lines.code] > 0)
    claim, first = np.unique(part.lines.claim[line], return_index=True)
    claim, line = claim.astype(np.int64), line[first]
    is_examined = Draws(feed.seed).uniform("pathology", counters_of(part, claim)) < share[part.lines.code[line]]
    claim, line = claim[is_examined], line[is_examined]
    wanted = _numbers(part.person[claim], part.service[claim], _pathologists(feed, part, claim))
    is_billed = ~are_among(wanted, seen)
    is_first = np.zeros(len(wanted), dtype=np.bool_)
    is_first[np.unique(wanted, return_index=True)[1]] = True
    is_billed &= is_first
    return claim[is_billed], line[is_billed]


def _pathologists(feed: Feed, part: Standing, claim: Integers) -> Integers:
    """Return who examines the tissue of each of some claims: somebody in the patient's city."""
    directory, counter = directory_of(feed), counters_of(part, claim)
    city = residence_on(feed, part.person[claim].astype(np.int64), part.service[claim].astype(np.int64)).city
    first, count = directory.first_practitioner[city, _pathology()], directory.practitioner_count[city, _pathology()]
    practitioner: Integers = first + Draws(feed.seed).below("pathology/practitioner", counter, count)
    return practitioner


def _examinations(feed: Feed, part: Standing, claim: Integers, line: Integers, row: Integers) -> Standing:
    """Return the claims of pathologists for some claims of a part and their procedures, as claims of other rows."""
    draws, counter = Draws(feed.seed), counters_of(part, claim)
    _, most = _table()
    procedure, pointer = part.lines.code[line].astype(np.int64), part.lines.pointer[line].astype(np.int64)
    units = 1 + draws.below("pathology/units", counter, most[procedure])
    (stained,) = np.nonzero(draws.uniform("pathology/stain", counter) < STAINED)
    of_line = np.concatenate([np.arange(len(claim)), stained])
    codes = read_table("procedures")["hcpcs_code"].to_list()
    code = np.repeat([codes.index(EXAMINATION), codes.index(STAIN)], [len(claim), len(stained)])
    order = np.argsort(of_line, kind="stable")
    of_line = of_line[order]
    lines = Lines(
        of_line,
        code[order],
        pointer[of_line],
        np.where(code[order] == codes.index(EXAMINATION), units[of_line], 1),
        np.zeros(len(of_line), dtype=np.int64),
    )
    return brought(part, claim, row=row, story=STORY, practitioner=_pathologists(feed, part, claim), lines=lines)


@cache
def _pathology() -> int:
    return read_table("specialties")["specialty"].to_list().index("pathology")


@cache
def _table() -> tuple[Floats, Integers]:
    """Return for each row of procedures the share of which tissue is examined, and the most specimens."""
    table, codes = read_table("pathology"), read_table("procedures")["hcpcs_code"]
    of_code = {code: row for row in table.iter_rows(named=True) for code in row["procedures"].split()}
    share = np.array([of_code[code]["share"] if code in of_code else 0.0 for code in codes])
    return share, np.array([of_code[code]["most_specimens"] if code in of_code else 1 for code in codes])
