"""Dialysis: the nephrologist bills a month of care of each patient with kidney failure, for as long as it lasts."""

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE, diagnosis_number, in_coding_order
from claims_pipeline.generate.numbers.days import month_start, months_since_epoch
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.people.conditions import are_coded, code_conditions, condition_names
from claims_pipeline.generate.people.population import conditions_on, onsets_of, population
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, stories
from claims_pipeline.generate.schedule.planned_visits import PlannedVisits, planned_receipt
from claims_pipeline.lake import Feed

STORY = "dialysis"
KIDNEY_FAILURE = "N18.6"
LAST_DAYS = 5
"""A month is billed on one of its last days."""


def dialysis_visits(feed: Feed, first: int, last: int) -> PlannedVisits:
    """Return the months of dialysis whose claims the payer receives from day `first` to `last`, in order of receipt."""
    draws = Draws(feed.seed)
    person, month = _patients_and_months(feed, first, last)
    counter = draws.bits("dialysis/month", pair(month, person))
    service = month_start(month + 1) - 1 - draws.below("dialysis/day", counter, LAST_DAYS)
    received = planned_receipt(service, draws.bits("dialysis/lag", counter))
    (here,) = np.nonzero((received >= first) & (received <= last))
    here = here[population(feed).covers(person[here], service[here])]
    here = here[_have_kidney_failure(feed, person[here], service[here])]
    here = here[np.argsort(received[here], kind="stable")]
    person, service = person[here], service[here]
    return PlannedVisits(
        received=received[here],
        counter=counter[here],
        episode=counter[here],
        story=np.full(len(here), stories().index(STORY)),
        person=person,
        service=service,
        codes=_codes(feed, person, service),
    )


def _patients_and_months(feed: Feed, first: int, last: int) -> tuple[Integers, Integers]:
    """Return each patient who may have dialysis with each month of which a claim may come on some days."""
    (those,) = np.nonzero(onsets_of(feed)[condition_names().index("chronic_kidney_disease")] <= last)
    those = those[_have_kidney_failure(feed, those, np.full(len(those), last))]
    begin, end = months_since_epoch(np.array([first - LONGEST_LAG - LONGEST_WAIT, last]))
    months = np.arange(begin, end + 1)
    return np.repeat(those, len(months)), np.tile(months, len(those))


def _have_kidney_failure(feed: Feed, people: Integers, days: Integers) -> NDArray[np.bool_]:
    """Return which of those with kidney disease have reached its last stage on a day each."""
    return are_coded(Draws(feed.seed), people, conditions_on(feed, people, days), KIDNEY_FAILURE)


def _codes(feed: Feed, people: Integers, days: Integers) -> Integers:
    """Return the diagnoses of a month: hypertensive kidney disease if there is one, kidney failure, dialysis status."""
    draws, masks = Draws(feed.seed), conditions_on(feed, people, days)
    hypertension = condition_names().index("hypertension")
    has_hypertension = (masks >> np.uint32(hypertension)) & np.uint32(1) == 1
    codes = np.full((len(people), MOST_DIAGNOSES), NONE)
    codes[:, 0] = diagnosis_number(KIDNEY_FAILURE)
    code = code_conditions(draws, people, masks, np.full(len(people), hypertension))
    codes[has_hypertension, 1] = code[has_hypertension]
    ordered, _ = in_coding_order(draws, people, masks, codes, np.full(len(people), MOST_DIAGNOSES))
    return ordered
