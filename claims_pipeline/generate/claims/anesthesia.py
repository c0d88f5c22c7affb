"""Anesthesia for surgery, endoscopies and deliveries (anesthesia.csv): a claim of another provider on the same day.

If a nurse gives it and an anesthesiologist directs it, both have a claim.
"""

from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.claims.following_procedures import brought, counters_of, with_claims_of_procedures
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.standing import Standing
from claims_pipeline.generate.coding.anesthesia_modifiers import are_directed
from claims_pipeline.generate.directory import directory_of
from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers
from claims_pipeline.generate.people.residence import residence_on
from claims_pipeline.generate.schedule.receipts import ReceiptDays
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

STORY = "anesthesia"
TEAM = ("anesthesiology", "nurse_anesthesia")
"""Specialties of who directs anesthesia, and of who gives it then."""


def with_anesthesia(receipts: ReceiptDays, parts: list[Standing]) -> list[Standing]:
    """Return the claims of a year with those of anesthesia among them, in the places of studies."""
    feed = receipts.feed
    return with_claims_of_procedures(receipts, parts, partial(_procedures_of, feed), partial(_anesthesia, feed))


def _procedures_of(feed: Feed, part: Standing) -> tuple[Integers, Integers]:
    """Return the claims of a part that anesthesia is given for, and the line of the procedure.

    A claim is there once for each claim of anesthesia.
    """
    share = _shares()
    (line,) = np.nonzero(share[part.lines.code] > 0)
    claim, first = np.unique(part.lines.claim[line], return_index=True)
    claim, line = claim.astype(np.int64), line[first]
    is_given = Draws(feed.seed).uniform("anesthesia/given", counters_of(part, claim)) < share[part.lines.code[line]]
    claim, line = claim[is_given], line[is_given]
    claims = 1 + are_directed(Draws(feed.seed), part.person[claim], part.service[claim])
    return np.repeat(claim, claims), np.repeat(line, claims)


def _anesthesia(feed: Feed, part: Standing, claim: Integers, line: Integers, row: Integers) -> Standing:
    """Return the claims of anesthesia for some claims of a part and their procedures, as claims of other rows."""
    draws, directory, counter = Draws(feed.seed), directory_of(feed), counters_of(part, claim)
    person, service = part.person[claim].astype(np.int64), part.service[claim].astype(np.int64)
    choice, specialties = _specialties()
    specialty = specialties[choice.choose(draws.bits("anesthesia/setting", counter))]
    is_first = np.append(True, claim[1:] != claim[:-1])[: len(claim)]
    is_directed = are_directed(draws, person, service)
    specialty[is_directed] = np.where(is_first[is_directed], *(_row_of(name) for name in TEAM))
    city = residence_on(feed, person, service).city
    number = draws.below("anesthesia/practitioner", counter, directory.practitioner_count[city, specialty])
    procedure, pointer = part.lines.code[line].astype(np.int64), part.lines.pointer[line].astype(np.int64)
    given, code, base, shortest, longest = _table()
    at, which = np.nonzero(given[:, procedure].T)  # in the order of claims
    minutes = draws.below("anesthesia/time", counter[at], longest[which] - shortest[which] + 1)
    units = base[which] + shortest[which] + minutes
    practitioner = directory.first_practitioner[city, specialty] + number
    lines = Lines(at, code[which], pointer[at], units, np.zeros(len(at), dtype=np.int64))
    return brought(part, claim, row=row, story=STORY, practitioner=practitioner, lines=lines)


@cache
def _table() -> tuple[NDArray[np.bool_], Integers, Integers, Integers, Integers]:
    """Return which row of anesthesia.csv (rows) is for which procedure, and code, base and time units of each row."""
    table, codes = read_table("anesthesia"), read_table("procedures")["hcpcs_code"].to_list()
    given = np.array([[code in row.split() for code in codes] for row in table["procedures"]])
    names = ("base_units", "first_time_units", "last_time_units")
    base, shortest, longest = (table[name].to_numpy().astype(np.int64) for name in names)
    return given, np.array([codes.index(code) for code in table["hcpcs_code"]]), base, shortest, longest


def _row_of(specialty: str) -> int:
    return read_table("specialties")["specialty"].to_list().index(specialty)


@cache
def _shares() -> Floats:
    """Return the share of each row of procedures that another provider gives anesthesia for."""
    given, *_ = _table()
    shares: Floats = (given * read_table("anesthesia")["share"].to_numpy()[:, None]).max(axis=0)
    return shares


@cache
def _specialties() -> tuple[KeyedChoice, Integers]:
    """Return the choice of who gives anesthesia, and the row of specialties of each option."""
    settings, names = read_table("story_settings"), read_table("specialties")["specialty"].to_list()
    mine = settings.filter(settings["story"] == STORY)
    return KeyedChoice(mine["specialty"].to_list(), mine["weight"].to_numpy()), np.array(
        [names.index(name) for name in mine["specialty"]]
    )
