"""Which claims of a draft fit the patients' histories, with their providers, diagnoses and lines."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.claims.lines import Lines, drop_needless, repeats_of, without_repeats
from claims_pipeline.generate.claims.providers import providers_of
from claims_pipeline.generate.claims.standing import Standing, standing
from claims_pipeline.generate.claims.story_lines import Encounters, wanted_lines
from claims_pipeline.generate.claims.visits import is_video
from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.directory import directory_of, places_of, practices_of
from claims_pipeline.generate.numbers.days import age_months_on, day_number, year_of
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.people.coverage import span_on
from claims_pipeline.generate.people.population import conditions_on, population
from claims_pipeline.generate.people.pregnancies import are_pregnant
from claims_pipeline.generate.schedule.after_stays import lasting_of_stays
from claims_pipeline.generate.schedule.diagnoses import Diagnoses, diagnoses_of
from claims_pipeline.generate.schedule.infusions import lasting_of_infusions
from claims_pipeline.generate.schedule.lasting import add_lasting, visits_with_room
from claims_pipeline.generate.schedule.newborn_intensive import are_in_intensive_care
from claims_pipeline.generate.schedule.reasons import Reasons, reasons_of
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.stays import are_in_hospital
from claims_pipeline.generate.years.drafts import Draft
from claims_pipeline.generate.years.history import NEW_AFTER, Done, History, Seen, new_patients, seen_again, too_soon
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

CODES_HIGHER, CODES_LOWER = 0.12, 0.12
"""Shares of practitioners who code visits higher or lower than their peers do: by judgement."""
DAYS_OF_NEWBORNS = 4
"""Days of life on which a child may still be in hospital (pregnancy_visits.csv)."""
NOT_IN_PREGNANCY = ("mammography", "imaging", "specialist_procedure", "colonoscopy")
"""Stories that pregnant women are not in: their ultrasounds are planned visits."""
MENSTRUATION = "N92.1"
PLANNED_ELSEWHERE = (
    *("pregnancy_visit", "pregnancy_laboratory", "pregnancy_ultrasound", "eye", "specialist_procedure"),
    *("after_hospital", "heart_rehabilitation", "rehabilitation_first", "rehabilitation"),
    *("infusion_first", "infusion", "infusion_follow_up"),
)
"""Stories of planned visits that nobody has during a stay in hospital. The others belong to the stay, or happen in
hospital too: births, the first days of newborns and dialysis."""


def fitting_claims(feed: Feed, history: History, draft: Draft, rows: Integers, *, is_last: bool) -> Standing:
    """Return those that fit of the claims at some positions of a draft, or all if there is no further attempt.

    All claims in the draft of a patient are at these positions, or none.
    """
    part = draft.at(rows)
    part = replace(part, slots=part.slots.widened(), source_story=part.source_story.astype(np.int64))
    return _made(feed, part, *history.of(part.slots.person), is_last=is_last)


def _made(feed: Feed, draft: Draft, seen: Seen, done: Done, *, is_last: bool) -> Standing:
    """Return the claims that fit the visits and services that stand, with their providers, diagnoses and lines."""
    slots, is_planned, birth_day = draft.slots, draft.codes is not None, population(feed).birth_day[draft.slots.person]
    months = age_months_on(birth_day, slots.service)
    reasons, diagnoses = _reasons_and_diagnoses(feed, draft, ages=months // 12)
    providers = providers_of(feed, slots, reasons)
    visits = Seen(
        slots.person,
        providers.practitioner,
        practices_of(feed)[providers.practitioner],
        slots.service,
        providers.is_new | (birth_day >= day_number(feed.start_date)),
    )
    fits = ~seen_again(visits, seen, _days_between_visits(feed, seen, visits, is_planned=is_planned))
    is_new, is_early = new_patients(visits, seen, is_first_seen=day_number(feed.start_date) + NEW_AFTER)
    is_course = (read_table("stories")["draw"] == "course").to_numpy()[slots.story]
    is_new &= ~is_course
    fits &= ~is_early & ~_wait_for_birth(feed, slots, reasons.principal)
    fits &= ~_wait_for_discharge(feed, slots, is_planned=is_planned)
    is_first = np.where(is_course, slots.is_first, is_new)
    lines = wanted_lines(_encounters(feed, slots, diagnoses, providers.practitioner, months=months, is_new=is_first))
    is_follower = draft.source_story != NONE
    is_refused = _refused(slots, lines, done, rank=np.arange(len(months)) + is_follower * len(months))
    is_main = np.r_[True, lines.claim[1:] != lines.claim[:-1]]
    fits[lines.claim[is_main & is_refused]] = False
    lines = without_repeats(lines.at(~is_refused | ~fits[lines.claim]))
    drop_needless(diagnoses, lines)
    fits |= is_last
    place = np.cumsum(fits) - 1
    lines = lines.at(fits[lines.claim])
    of_visits = visits.at(fits)
    return standing(
        row=draft.row[fits],
        story=slots.story[fits],
        person=of_visits.person,
        practitioner=of_visits.practitioner,
        service=of_visits.service,
        is_new=is_new[fits],
        diagnoses=Diagnoses(diagnoses.codes[fits], diagnoses.count[fits]),
        lines=replace(lines, claim=place[lines.claim]),
    )


def _reasons_and_diagnoses(feed: Feed, draft: Draft, ages: Integers) -> tuple[Reasons, Diagnoses]:
    """Return why the patients of a draft are seen, and the diagnoses of its claims: those that it gives, or drawn."""
    slots, codes = draft.slots, draft.codes
    conditions = conditions_on(feed, slots.person, slots.service)
    reasons = reasons_of(
        feed,
        slots,
        ages=ages,
        conditions=conditions,
        source_story=draft.source_story,
        source_episode=draft.source_episode,
    )
    drawn_by = slots if codes is None else replace(slots, counter=slots.episode)
    diagnoses = diagnoses_of(Draws(feed.seed), drawn_by, conditions, reasons.principal)
    rows = visits_with_room(Draws(feed.seed), drawn_by, diagnoses)
    if len(rows):
        until = int(year_of(slots.service[rows].max(keepdims=True))[0])
        add_lasting(drawn_by, diagnoses, rows, [*lasting_of_infusions(feed), *lasting_of_stays(feed, until)])
    if codes is not None:
        (given,) = np.nonzero(codes[:, 0] != NONE)
        reasons.principal[given], reasons.condition[given] = codes[given, 0], NONE
        diagnoses.codes[given] = codes[given]
        diagnoses.count[given] = np.count_nonzero(codes[given] != NONE, axis=1)
    return reasons, diagnoses


def _encounters(
    feed: Feed,
    slots: Slots,
    diagnoses: Diagnoses,
    practitioner: Integers,
    *,
    months: Integers,
    is_new: NDArray[np.bool_],
) -> Encounters:
    """Return what decides about the lines of claims, given the patients' ages in months and who is new."""
    draws, (specialty, _) = Draws(feed.seed), places_of(feed)
    plans = span_on(feed, people=slots.person, days=slots.service).plan
    return Encounters(
        draws=draws,
        counter=slots.counter,
        story=slots.story,
        ages=months // 12,
        months=months,
        is_female=population(feed).is_female[slots.person],
        is_medicare=read_table("plans")["coverage_kind"].to_numpy()[plans] == "medicare",
        diagnoses=diagnoses,
        specialty=specialty[practitioner],
        coding=_coding(draws, feed)[practitioner],
        is_new=is_new,
        is_video=is_video(draws, slots.counter, slots.story),
    )


def _wait_for_birth(feed: Feed, slots: Slots, principal: Integers) -> NDArray[np.bool_]:
    """Return which visits are for what pregnant women do not have: X-rays, procedures, irregular menstruation."""
    stories, codes = read_table("stories")["story"], read_table("diagnoses")["diagnosis_code"]
    can_wait: NDArray[np.bool_] = stories.is_in(NOT_IN_PREGNANCY).to_numpy()[slots.story]
    can_wait |= (codes == MENSTRUATION).to_numpy()[principal]
    (asked,) = np.nonzero(can_wait)
    can_wait[asked] = are_pregnant(feed, slots.person[asked], slots.service[asked])
    return can_wait


def _wait_for_discharge(feed: Feed, slots: Slots, *, is_planned: bool) -> NDArray[np.bool_]:
    """Return which visits are of patients who are in hospital on the day, but not of what hospitals do themselves."""
    is_elsewhere = np.full(len(slots.person), not is_planned)
    is_elsewhere |= read_table("stories")["story"].is_in(PLANNED_ELSEWHERE).to_numpy()[slots.story]
    (asked,) = np.nonzero(is_elsewhere)
    person, service = slots.person[asked], slots.service[asked]
    age_days = service - population(feed).birth_day[person]
    is_elsewhere[asked] = are_in_hospital(feed, person, service) | are_in_intensive_care(feed, person, service)
    is_elsewhere[asked] |= age_days < DAYS_OF_NEWBORNS
    return is_elsewhere


def _days_between_visits(feed: Feed, seen: Seen, visits: Seen, *, is_planned: bool) -> Integers:
    """Return the least days from each visit to another one with the doctor: two, or one in hospital or if planned."""
    specialty, _ = places_of(feed)
    daily = (read_table("specialties")["site"] == "hospital_inpatient").to_numpy()[specialty]
    of_doctor = np.where(daily, 1, 2)
    planned = np.ones(len(visits.person), dtype=np.int64)
    mine = planned if is_planned else of_doctor[visits.practitioner]
    return np.concatenate([of_doctor[seen.practitioner], mine])


def _refused(slots: Slots, lines: Lines, done: Done, rank: Integers) -> NDArray[np.bool_]:
    """Return which lines the history forbids; a vaccine goes with its administration, a drug with its injection."""
    procedures = read_table("procedures")
    (first,) = np.nonzero(~repeats_of(lines.claim, lines.code))
    claim = lines.claim[first]
    services = Done(slots.person[claim], lines.code[first], slots.service[claim])
    early = first[too_soon(services, done, rank[claim])]
    has_early, refused = np.zeros(len(rank), dtype=np.bool_), np.zeros(len(lines.claim), dtype=np.bool_)
    has_early[lines.claim[early]] = True
    (of_claims,) = np.nonzero(has_early[lines.claim])  # the few lines that may be refused
    some, is_early = lines.at(of_claims), np.isin(of_claims, early)
    code_of_claim = some.claim * procedures.height + some.code
    is_refused = np.isin(code_of_claim, code_of_claim[is_early])
    slot_of_claim = some.claim * (some.slot.max(initial=0) + 1) + some.slot
    is_vaccine = procedures["category"].is_in(["vaccine", "vaccine_administration"]).to_numpy()[some.code]
    is_refused |= np.isin(slot_of_claim, slot_of_claim[is_refused & is_vaccine])
    is_drug = (procedures["category"] == "drug").to_numpy()[some.code]
    is_refused |= is_drug & np.isin(slot_of_claim, slot_of_claim[is_refused])
    refused[of_claims] = is_refused
    return refused


def _coding(draws: Draws, feed: Feed) -> Integers:
    """Return how many diagnoses more than there are each practitioner codes visits for: most of them none."""
    counter = directory_of(feed).practitioners["counter"].to_numpy()
    chance = draws.uniform("practitioner/coding", counter)
    return (chance < CODES_HIGHER).astype(np.int64) - (chance > 1 - CODES_LOWER)
