"""The claims that belong to pregnancies and births (pregnancy_visits.csv), with a day of receipt of their own.

A pregnancy that the end of the feed or of the membership cuts off has its visits until then.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.pregnancy_codes import codes_of_visit
from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.households import NOBODY
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.people.pregnancies import Pregnancies, pregnancies
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, next_open, stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

MOST_OF_CLAIMS = 0.045
"""Share of a feed's claims that belong to pregnancies and births, at most: a feed of fewer claims than its people have
lacks those of some pregnancies."""
STAY = 3
FEWEST_WEEKS_OF_NEWBORN = 35
"""Newborns of fewer weeks are in intensive care, which is not billed as the care of a normal newborn."""


@dataclass(frozen=True)
class _Dated:
    """The visits of one row of pregnancy_visits.csv, one a pregnancy: arrays of equal length."""

    those: Pregnancies
    counter: Bits
    person: Integers
    service: Integers
    received: Integers


def maternity_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the visits of pregnancies and births whose claims the payer receives from day `first` to `last`.

    They are in the order of receipt; deliveries and newborns come before other visits of a day.
    """
    all_of_feed = pregnancies(feed)
    is_near = (all_of_feed.birth >= first - LONGEST_LAG - LONGEST_WAIT - STAY) & (all_of_feed.last_period <= last)
    is_billed = Draws(feed.seed).uniform("pregnancy/billed", all_of_feed.counter) < _share_billed(feed)
    near = all_of_feed.at(is_near & is_billed)
    parts = [_with_codes(feed, _received(feed, near, row, first, last), row) for row in _table()]
    joined = PlannedVisits.joined(parts)
    of_birth = np.array([row["counted_from"] == "birth" for row in _table()])
    comes_first = np.repeat(of_birth, [len(part.person) for part in parts])
    return joined.at(np.lexsort((joined.counter, ~comes_first, joined.received)))


@once(maxsize=4)
def _share_billed(feed: Feed) -> float:
    """Return below which random number of a pregnancy its claims are in the feed: as many as there is room for."""
    all_of_feed, first, last = pregnancies(feed), day_number(feed.start_date), day_number(feed.end_date)
    each = [_received(feed, all_of_feed, row, first, last).those.counter for row in _table()]
    counter, visits = np.unique(np.concatenate(each), return_counts=True)
    uniform = Draws(feed.seed).uniform("pregnancy/billed", counter)
    order = np.argsort(uniform)
    (too_many,) = np.nonzero(np.cumsum(visits[order]) > MOST_OF_CLAIMS * feed.claims)
    return float(uniform[order[too_many[0]]]) if len(too_many) else 1.0


def _received(feed: Feed, those: Pregnancies, row: dict[str, Any], first: int, last: int) -> _Dated:
    """Return the visits that a row of pregnancy_visits.csv gives pregnancies and that are received within some days."""
    draws, everyone = Draws(feed.seed), population(feed)
    those, service = _with_visit(draws, those, row)
    counter = draws.bits(f"pregnancy/visit {row['visit']}", those.counter)
    received = planned_receipt(service, draws.bits("pregnancy/lag", counter))
    person = those.mother if row["whose"] == "mother" else those.child
    (here,) = np.nonzero((received >= first) & (received <= last) & (person != NOBODY))
    here = here[everyone.covers(person[here], service[here])]
    return _Dated(those.at(here), counter[here], person[here], service[here], received[here])


def _with_visit(draws: Draws, those: Pregnancies, row: dict[str, Any]) -> tuple[Pregnancies, Integers]:
    """Return the pregnancies that have a visit of pregnancy_visits.csv, and the day of it."""
    share = draws.uniform(f"pregnancy/{row['slot']}", those.counter)
    has_it = (share >= row["from_share"]) & (share < row["to_share"])
    if row["only_if"]:
        has_it &= _are_meant(those, row["only_if"])
    if row["delivery"]:
        has_it &= those.is_cesarean == (row["delivery"] == "cesarean")
    if row["whose"] == "child":
        has_it &= those.weeks >= FEWEST_WEEKS_OF_NEWBORN
    those = those.at(has_it)
    spread = row["last_day"] - row["first_day"] + 1
    after = row["first_day"] + draws.below(f"pregnancy/{row['visit']} day", those.counter, spread)
    if row["counted_from"] == "birth":
        return those, those.birth + after
    service = next_open(those.last_period + after)
    is_before = service < those.birth
    return those.at(is_before), service[is_before]


def _are_meant(those: Pregnancies, word: str) -> NDArray[np.bool_]:
    """Return which pregnancies pregnancy_visits.csv (only_if) means by a word."""
    known = those.is_diabetic | those.is_hypertensive
    by_name = {
        "high": those.has_diabetes | those.is_aged | known,
        "glucose": those.has_abnormal_glucose,
        "no_diabetes": ~those.is_diabetic,
        "early_care": those.is_covered_early,
        "late_care": ~those.is_covered_early,
    }
    return by_name[word]


def _with_codes(feed: Feed, visits: _Dated, row: dict[str, Any]) -> PlannedVisits:
    """Return the visits of a row with their diagnoses."""
    return PlannedVisits(
        received=visits.received,
        counter=visits.counter,
        episode=visits.counter,
        story=np.full(len(visits.person), stories().index(row["story"])),
        person=visits.person,
        service=visits.service,
        codes=codes_of_visit(
            feed, visits.those, visits.service, diagnosis=row["diagnosis"], is_high=row["only_if"] == "high"
        ),
    )


@cache
def _table() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("pregnancy_visits").to_dicts())
