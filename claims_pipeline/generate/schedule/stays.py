"""Stays in hospital: a physician of the hospital sees the patient on each day, from admission to discharge."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.choices import WeightTable
from claims_pipeline.generate.numbers.days import NEVER, day_number, year_of, year_start, years_in
from claims_pipeline.generate.numbers.draws import Bits, Draws, Floats, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.choosing import choose_people
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed

SHARE_OF_CLAIMS = 0.016
"""Share of a feed's claims that are visits of stays: by judgement."""
LONGEST_STAY = 14
MEAN_STAY = 4.6
"""Mean number of nights (AHRQ HCUP, National Inpatient Sample 2019: 4.6 to 4.7 days), before long stays are cut."""
PEOPLE = "emergency"
"""Profile of those who are in hospital (people_profiles.csv)."""
FIRST, NEXT, LAST = "hospital_first", "hospital_next", "hospital_last"


def hospital_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the visits of stays whose claims the payer receives from day `first` to `last`, in order of receipt.

    The visits of a stay are billed together, after the discharge, and have the same diagnoses and physician.
    """
    draws = Draws(feed.seed)
    stays = stays_between(feed, first - LONGEST_LAG - LONGEST_WAIT - LONGEST_STAY, last)
    bits = draws.bits("stay/lag", stays.episode)
    received = planned_receipt(stays.admission + stays.nights, bits, days=stays.nights)
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[np.argsort(received[here], kind="stable")]
    received, stays = received[here], stays.at(here)
    admission, nights, episode, person = stays.admission, stays.nights, stays.episode, stays.person
    stay = np.repeat(np.arange(len(here)), nights + 1)
    day = np.arange(len(stay)) - np.repeat(np.cumsum(nights + 1) - nights - 1, nights + 1)
    is_covered = population(feed).covers(person[stay], admission[stay] + day)
    stay, day = stay[is_covered], day[is_covered]
    story_first, story_next, story_last = (stories().index(story) for story in (FIRST, NEXT, LAST))
    return PlannedVisits(
        received=received[stay],
        counter=draws.bits("stay/visit", episode[stay] + day.astype(np.uint64)),
        episode=episode[stay],
        story=np.select([day == 0, day == nights[stay]], [story_first, story_last], story_next),
        person=person[stay],
        service=admission[stay] + day,
        codes=np.full((len(stay), MOST_DIAGNOSES), NONE),
    )


def are_in_hospital(feed: Feed, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return whether each person is in hospital on a day."""
    found, years = np.zeros(len(people), dtype=np.bool_), year_of(days)
    for year in years_in(years):
        (mine,) = np.nonzero(years == year)
        stays = _stays_of_year(feed, year)
        if len(mine) and len(stays.person):
            key = stays.person * NEVER + stays.admission
            place = np.searchsorted(key, people[mine] * NEVER + days[mine], side="right") - 1
            is_in = (place >= 0) & (stays.person[place] == people[mine])
            found[mine] = is_in & (days[mine] <= (stays.admission + stays.nights)[place])
    return found


@dataclass(frozen=True)
class Stays:
    """Stays in hospital as arrays of equal length.

    Attributes:
        admission: day of admission.
        nights: number of nights.
        episode: counter for random draws.
        person: number of the patient.
    """

    admission: Integers
    nights: Integers
    episode: Bits
    person: Integers

    def at(self, rows: Integers) -> "Stays":
        """Return some of the stays."""
        return Stays(*(values[rows] for values in vars(self).values()))


@once(maxsize=8)
def _stays_of_year(feed: Feed, year: int) -> Stays:
    """Return the stays that are not over before a year begins, in the order of patients and days."""
    january, next_january = (int(day) for day in year_start(np.array([year, year + 1])))
    return stays_between(feed, january - LONGEST_STAY, next_january - 1)


def stays_between(feed: Feed, first: int, last: int) -> Stays:
    """Return the stays with admissions from day `first` to `last`, in the order of patients and days.

    A stay that begins before an earlier one of the patient is over, or on its last day, is left out, also if the
    earlier one is left out itself.
    """
    draws = Draws(feed.seed)
    days = day_number(feed.end_date) - day_number(feed.start_date) + 1
    a_day = SHARE_OF_CLAIMS * feed.claims / days / (_mean_nights() + 1)
    counts = np.diff(np.floor(np.arange(first - LONGEST_STAY, last + 2) * a_day).astype(np.int64))
    admission = np.repeat(np.arange(first - LONGEST_STAY, last + 1), counts)
    number = np.arange(len(admission)) - np.repeat(np.cumsum(counts) - counts, counts)
    episode = draws.bits("stay", pair(admission, number))
    person = choose_people(feed, PEOPLE, draws.uniform("stay/person", episode), admission)
    nights = 1 + _nights().choose(draws.bits("stay/nights", episode))
    stays = Stays(admission, nights, episode, person).at(np.lexsort((admission, person)))
    of_person = stays.person * NEVER
    latest_end = np.maximum.accumulate(of_person + stays.admission + stays.nights)
    overlaps = np.append(False, (of_person + stays.admission)[1:] <= latest_end[:-1])[: len(person)]
    return stays.at(np.flatnonzero(~overlaps & (stays.admission >= first)))


@cache
def _nights() -> WeightTable:
    """Return the choice of the number of nights, from 1."""
    return WeightTable(_night_weights())


@cache
def _mean_nights() -> float:
    return float(np.average(np.arange(1, LONGEST_STAY + 1), weights=_night_weights()))


@cache
def _night_weights() -> Floats:
    """Return the weight of each number of nights, from 1 to the longest stay."""
    return np.asarray((1 - 1 / MEAN_STAY) ** np.arange(LONGEST_STAY), dtype=np.float64)
