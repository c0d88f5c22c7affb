"""What follows a stay in hospital: visits and rehabilitation (after_stays.csv), and codes (lasting_codes.csv)."""

from functools import cache
from typing import Any

import numpy as np
import polars as pl

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, diagnosis_number, in_coding_order
from claims_pipeline.generate.numbers.days import NEVER, ages_on, day_number, weekday_of, year_start
from claims_pipeline.generate.numbers.draws import Draws, Floats, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import code_conditions, condition_names
from claims_pipeline.generate.people.population import conditions_on, population
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, next_open, stories
from claims_pipeline.generate.schedule.lasting import Lasting
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.generate.schedule.reasons import reasons_of
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.stays import FIRST, LONGEST_STAY, Stays, stays_between
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


def visits_after_stays(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the visits after stays whose claims the payer receives from day `first` to `last`, in order of receipt."""
    stays = stays_between(feed, _since(first), last)
    reasons = _reasons(feed, stays)
    parts = [
        _received(feed, stays.at(np.flatnonzero(reasons == diagnosis_number(row["stay"]))), row, first, last)
        for row in _rows()
    ]
    visits = PlannedVisits.joined(parts)
    return visits.at(np.argsort(visits.received, kind="stable"))


def _since(first: int) -> int:
    """Return the first day of admission of stays that are followed by visits received from day `first` on."""
    return first - LONGEST_LAG - LONGEST_WAIT - LONGEST_STAY - _longest()


def _received(feed: Feed, stays: Stays, row: dict[str, Any], first: int, last: int) -> PlannedVisits:
    """Return the visits that a row of after_stays.csv gives stays and that are received within some days.

    A course begins on a Monday and leaves out the days on which offices are closed.
    """
    draws = Draws(feed.seed)
    share = _shares(draws, row["slot"], stays)
    stays = stays.at(np.flatnonzero((share >= row["from_share"]) & (share < row["to_share"])))
    spread = row["last_day"] - row["first_day"] + 1
    begin = stays.admission + stays.nights + row["first_day"] + row["after"]
    begin += draws.below(f"after stay/{row['slot']} day", stays.episode, spread)
    number = np.tile(np.arange(row["visits"]), len(stays.person))
    stay = np.repeat(np.arange(len(stays.person)), row["visits"])
    if row["visits"] > 1:
        begin += -weekday_of(begin) % 7
        service = begin[stay] + number * 7 // row["a_week"]
        kept = next_open(service) == service
        number, stay, service = number[kept], stay[kept], service[kept]
    else:
        service = next_open(begin)
    counter = draws.bits(f"after stay/{row['visit']}", pair(number, 0) ^ stays.episode[stay])
    received = planned_receipt(service, draws.bits("after stay/lag", counter))
    person = stays.person[stay]
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[population(feed).covers(person[here], service[here])]
    person, service = person[here], service[here]
    return PlannedVisits(
        received=received[here],
        counter=counter[here],
        episode=draws.bits(f"after stay/{row['story']}", stays.episode[stay[here]]),
        story=np.full(len(here), stories().index(row["story"])),
        person=person,
        service=service,
        codes=_codes(feed, person, service, [row["diagnosis"], row["second"]]),
    )


def _codes(feed: Feed, people: Integers, days: Integers, named: list[str | None]) -> Integers:
    """Return the diagnoses of visits: those named, a chronic condition with the patient's own code."""
    draws, masks, names = Draws(feed.seed), conditions_on(feed, people, days), condition_names()
    codes = np.full((len(people), MOST_DIAGNOSES), NONE)
    families = dict(read_table("diagnoses").select("diagnosis_code", "family").iter_rows())
    for place, code in enumerate(filter(None, named)):
        if families[code] in names:
            condition = np.full(len(people), names.index(families[code]))
            codes[:, place] = code_conditions(draws, people, masks, condition)
        else:
            codes[:, place] = diagnosis_number(code)
    ordered, _ = in_coding_order(draws, people, masks, codes, np.full(len(people), MOST_DIAGNOSES))
    return ordered


@once(maxsize=4)
def lasting_of_stays(feed: Feed, year: int) -> list[Lasting]:
    """Return for each reason of lasting_codes.csv who has had such a stay until the end of a year, and the code."""
    draws, table = Draws(feed.seed), read_table("lasting_codes")
    stays = stays_between(feed, _since(day_number(feed.start_date)), int(year_start(np.array([year + 1]))[0]) - 1)
    reasons = _reasons(feed, stays)
    found = []
    for (reason,), rows in table.group_by("stay", maintain_order=True):
        mine = stays.at(np.flatnonzero(reasons == diagnosis_number(str(reason))))
        people, first = np.unique(mine.person, return_index=True)  # in order of the day of admission
        mine = mine.at(first)
        days, codes = np.full(len(people), NEVER), np.full(len(people), NONE)
        for row in rows.iter_rows(named=True):
            share = _shares(draws, row["slot"], mine)
            has = (share >= row["from_share"]) & (share < row["to_share"])
            days[has] = (mine.admission + mine.nights)[has] + row["from_day"]
            codes[has] = diagnosis_number(row["diagnosis_code"])
        found.append(Lasting(people, days, np.full(len(people), NEVER), codes))
    return found


def _reasons(feed: Feed, stays: Stays) -> Integers:
    """Return the row of diagnoses of the reason of each stay."""
    size = len(stays.person)
    slots = Slots(
        counter=stays.episode,
        episode=stays.episode,
        is_first=np.zeros(size, dtype=np.bool_),
        story=np.full(size, stories().index(FIRST)),
        person=stays.person,
        service=stays.admission,
    )
    return reasons_of(
        feed,
        slots,
        ages=ages_on(population(feed).birth_day[stays.person], stays.admission),
        conditions=conditions_on(feed, stays.person, stays.admission),
        source_story=np.full(size, NONE),
        source_episode=np.zeros(size, dtype=np.uint64),
    ).principal


def _shares(draws: Draws, slot: str, stays: Stays) -> Floats:
    return draws.uniform(f"after stay/{slot}", stays.episode)


@cache
def _longest() -> int:
    """Return how many days after the discharge the last visit is, at most."""
    days = pl.col("last_day") + pl.col("after") + pl.col("visits") * 7 // pl.col("a_week")
    return int(read_table("after_stays").select(days.max()).item()) + 2 * LONGEST_WAIT


@cache
def _rows() -> tuple[dict[str, Any], ...]:
    return tuple(read_table("after_stays").to_dicts())
