"""Cataracts: an examination, surgery of one eye, and of the other one within weeks; who has had it, and which eye."""

import numpy as np

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, diagnosis_number
from claims_pipeline.generate.numbers.days import DAYS_A_YEAR, NEVER
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, next_open, stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed

HAVE_SURGERY, FIRST_AGE, LAST_AGE = 0.55, 62, 88
"""Share of people who have surgery of a cataract if they live long enough, and their ages then: by judgement."""
BOTH_EYES = 0.62
"""Share of those who have the second eye done too: by judgement."""
BETWEEN = (21, 56)
"""Days between the two eyes, at least and at most."""
EXAMINED = (14, 40)
"""Days from the examination to the first surgery."""
EXAMINATION, SURGERY = "eye", "specialist_procedure"
NEAR = 60
"""Days around a visit within which it matters on which day offices are open."""
SIDES, BOTH, LENS = ("H25.11", "H25.12"), "H25.13", "Z96.1"


def cataract_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the examinations and surgeries whose claims the payer receives from day `first` to `last`, in order."""
    draws, since = Draws(feed.seed), first - LONGEST_LAG - LONGEST_WAIT - BETWEEN[1]
    due = _due(feed, np.arange(feed.patients))
    (those,) = np.nonzero((due >= since) & (due <= last + LONGEST_WAIT + EXAMINED[1]))
    days, sides = _course(feed, those), _first_sides(draws, those)
    eye = np.array([diagnosis_number(code) for code in SIDES])
    code = np.concatenate([np.full(len(those), diagnosis_number(BOTH)), eye[sides], eye[1 - sides]])
    story = np.repeat([stories().index(name) for name in (EXAMINATION, SURGERY, SURGERY)], len(those))
    person, service = np.tile(those, len(days)), np.concatenate(days)
    counter = draws.bits("cataract/visit", pair(np.repeat(np.arange(len(days)), len(those)), person))
    (near,) = np.nonzero((service >= since) & (service <= last))
    service[near] = next_open(service[near])
    received = np.full(len(service), NEVER)
    received[near] = planned_receipt(service[near], draws.bits("cataract/lag", counter[near]))
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[population(feed).covers(person[here], service[here])]
    here = here[np.argsort(received[here], kind="stable")]
    codes = np.full((len(here), MOST_DIAGNOSES), NONE)
    codes[:, 0] = code[here]
    return PlannedVisits(
        received=received[here],
        counter=counter[here],
        episode=draws.bits("cataract", person[here]),
        story=story[here],
        person=person[here],
        service=service[here],
        codes=codes,
    )


def eye_reasons(feed: Feed, principal: Integers, people: Integers, days: Integers) -> Integers:
    """Return the reasons of visits; after surgery a cataract of both eyes is one of the other eye, or a new lens."""
    reasons = principal.copy()
    (asked,) = np.nonzero(principal == diagnosis_number(BOTH))
    if not len(asked):
        return reasons
    person, day = people[asked], days[asked]
    _, one, other = (next_open(np.clip(due, day - NEAR, day + NEAR)) for due in _course(feed, person))
    eye = np.array([diagnosis_number(code) for code in SIDES])
    of_other_eye = np.where(day > one, eye[1 - _first_sides(Draws(feed.seed), person)], principal[asked])
    reasons[asked] = np.where(day > other, diagnosis_number(LENS), of_other_eye)
    return reasons


def _due(feed: Feed, people: Integers) -> Integers:
    """Return the day about which each person's first eye is due, NEVER for those who need no surgery."""
    share = Draws(feed.seed).uniform("cataract/surgery", people)
    age = FIRST_AGE + (LAST_AGE - FIRST_AGE) * share / HAVE_SURGERY
    day = population(feed).birth_day[people] + (age * DAYS_A_YEAR).astype(np.int64)
    return np.where(share < HAVE_SURGERY, day, NEVER)


def _course(feed: Feed, people: Integers) -> tuple[Integers, Integers, Integers]:
    """Return about when the examination and the two surgeries of each person are due, NEVER without one."""
    draws, due = Draws(feed.seed), _due(feed, people)
    before = EXAMINED[0] + draws.below("cataract/examined", people, EXAMINED[1] - EXAMINED[0] + 1)
    after = BETWEEN[0] + draws.below("cataract/between", people, BETWEEN[1] - BETWEEN[0] + 1)
    has_other = (due < NEVER) & (draws.uniform("cataract/other", people) < BOTH_EYES)
    return np.where(due < NEVER, due - before, NEVER), due, np.where(has_other, due + after, NEVER)


def _first_sides(draws: Draws, people: Integers) -> Integers:
    """Return which eye of each person is first, a number in SIDES."""
    return draws.below("cataract/side", people, len(SIDES))
