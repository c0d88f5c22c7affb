"""A part of a year of receipt: claims are drawn; those that do not fit the patient's history go to somebody else.

A year is one part, but that of the feed's last day has two: until then and after it. A part is a pure function of the
feed and its days: of the parts before it reads what they hold, and they are such functions too.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.anesthesia import with_anesthesia
from claims_pipeline.generate.calendar import LONGEST_WAIT
from claims_pipeline.generate.coverage import span_on
from claims_pipeline.generate.days import age_months_on, day_number
from claims_pipeline.generate.diagnoses import Diagnoses, diagnoses_of
from claims_pipeline.generate.directory import directory_of, places_of, practices_of
from claims_pipeline.generate.draws import NO_COUNTER, Draws, Integers, narrowed
from claims_pipeline.generate.following import follow
from claims_pipeline.generate.history import NEW_AFTER, Done, History, Seen, new_patients, seen_again, too_soon
from claims_pipeline.generate.lifecycle import LONGEST_CYCLE
from claims_pipeline.generate.lines import Encounters, Lines, repeats_of, wanted_lines, without_repeats
from claims_pipeline.generate.once import forget_large
from claims_pipeline.generate.parts import Run, parts_by_person
from claims_pipeline.generate.population import conditions_on, population
from claims_pipeline.generate.providers import providers_of
from claims_pipeline.generate.reasons import NONE, Reasons, reasons_of
from claims_pipeline.generate.redraws import redrawn
from claims_pipeline.generate.slots import ReceiptDays, Slots
from claims_pipeline.generate.standing import Standing, frames_of, no_visits, standing
from claims_pipeline.generate.visits import is_video, visits_from
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import VISITS

ATTEMPTS = 12
"""Number of patients tried for a claim, at most, until it fits one's history; then the last one stays."""
CODES_HIGHER, CODES_LOWER = 0.12, 0.12
"""Shares of practitioners who code visits higher or lower than their peers do: by judgement."""
YEARS_BEFORE = 4
"""Years of receipt that hold the services of three years: claims come up to a year late."""


@dataclass(frozen=True)
class _Draft:
    """Claims that have not been compared with the patients' histories yet: arrays with one element a claim.

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

    def at(self, rows: NDArray[np.bool_] | Integers) -> "_Draft":
        codes = None if self.codes is None else self.codes[rows]
        return _Draft(self.row[rows], self.slots.at(rows), self.source_story[rows], self.source_episode[rows], codes)


def visits_of(feed: Feed, year: int, earlier: Sequence[pl.DataFrame] = (), *, jobs: int = 2) -> pl.DataFrame:
    """Return the visits of a year in one frame, until the feed's last day if that lies in the year."""
    return pl.concat(frames_of_days(feed, *spans_of_year(feed, year)[0], earlier, jobs=jobs)).cast(VISITS.polars_schema)


def spans_of_year(feed: Feed, year: int) -> list[tuple[int, int]]:
    """Return the first and last day of each part of a year that is drawn alone.

    The year begins with the feed's first day at the earliest. What comes after the feed's last day is a part of its
    own, so that a feed of a few days need not draw the claims of a year.
    """
    first, last = day_number(max(date(year, 1, 1), feed.start_date)), day_number(date(year, 12, 31))
    end = day_number(feed.end_date)
    return [(first, end), (end + 1, last)] if first <= end < last else [(first, last)]


def frames_of_days(
    feed: Feed, first: int, last: int, earlier: Sequence[pl.DataFrame] = (), *, jobs: int = 2
) -> Iterator[pl.DataFrame]:
    """Return one row a claim that the payer receives first on some days, by day and index, with codes as categories.

    There is one frame at least; how the rows are split into frames depends on their number only.

    Args:
        feed: the feed.
        first: the first day of receipt of a part of a year (spans_of_year).
        last: the last day of it.
        earlier: the visits of the years and parts before it, `YEARS_BEFORE` years at least if the feed has them.
        jobs: parts of the claims that are worked on at the same time (threads).
    """
    with ThreadPoolExecutor(jobs) as pool:
        receipts, parts = _drawn(feed, first, last, earlier, pool.map if jobs > 1 else map)
    since = first - LONGEST_CYCLE - LONGEST_WAIT
    recent = [frame.filter(pl.col("received_date").to_physical() >= since) for frame in earlier[-2:]]
    return frames_of(feed, receipts, parts, pl.concat([no_visits(), *recent]))


def _drawn(
    feed: Feed, first: int, last: int, earlier: Sequence[pl.DataFrame], run: Run
) -> tuple[ReceiptDays, list[Standing]]:
    """Return some days of receipt, and their claims but for replacements, in parts by person."""
    receipts, draft = _drafts(feed, first, last, run)
    if draft is None:
        return receipts, []
    stands = receipts.replaces != NO_COUNTER
    history, practices = _history(feed, earlier), practices_of(feed)
    made: list[Standing] = []

    def make(claims: _Draft, *, is_last: bool) -> None:
        of_part = partial(_made_of_part, feed, history, claims, is_last=is_last)
        for part in list(run(of_part, parts_by_person(claims.slots.person))):
            made.append(part)
            stands[part.row] = True
            practice = narrowed(practices[part.practitioner])
            seen = Seen(part.person, part.practitioner, practice, part.service, part.is_new)
            history.add(seen, part.lines.claim, part.lines.code)

    forget_large()  # of most claims nobody else is drawn
    make(_planned(receipts), is_last=False)
    for attempt in range(ATTEMPTS):
        draft = draft.at(~stands[draft.row])
        if not len(draft.row):
            break
        if attempt:
            draft = _redrawn(feed, draft, attempt - 1)
        make(draft, is_last=attempt == ATTEMPTS - 1)
    return receipts, with_anesthesia(receipts, made)


def _planned(receipts: ReceiptDays) -> _Draft:
    """Return the draft of the claims for planned visits; where one does not fit, the claim is drawn as any other."""
    row, visits = receipts.planned
    is_first = np.zeros(len(row), dtype=np.bool_)
    slots = Slots(visits.counter, visits.counter, is_first, visits.story, visits.person, visits.service)
    no_source, no_episode = np.full(len(row), NONE), np.zeros(len(row), dtype=np.uint64)
    return _Draft(row, slots.narrowed(), no_source, no_episode, visits.codes)


def _drafts(feed: Feed, first: int, last: int, run: Run) -> tuple[ReceiptDays, _Draft | None]:
    """Return some days of receipt and the draft of each of their claims but for replacements, None without claims."""
    receipts = ReceiptDays(feed, first, last, run)
    (row,) = np.nonzero(receipts.replaces == NO_COUNTER)
    received, index = (values[row] for values in receipts.claims())
    if not len(row):
        return receipts, None
    slots = receipts.slots(received, index)
    source_story, source_episode = follow(receipts, slots, received, row)
    return receipts, _Draft(narrowed(row), slots, narrowed(source_story, np.int8), source_episode)


def _history(feed: Feed, earlier: Sequence[pl.DataFrame]) -> History:
    """Return the visits and services of the years before."""
    history, practices = History(), practices_of(feed)
    for frame in earlier:
        visits = visits_from(frame)
        practice = narrowed(practices[visits.practitioner])
        person, service = narrowed(visits.person), narrowed(visits.service)
        history.add(
            Seen(person, narrowed(visits.practitioner), practice, service, visits.is_new),
            narrowed(visits.lines.claim),
            narrowed(visits.lines.code, np.int16),
        )
    return history


def _made_of_part(feed: Feed, history: History, draft: _Draft, rows: Integers, *, is_last: bool) -> Standing:
    """Return those that fit of the claims at some positions of a draft, or all if there is no further attempt.

    All claims in the draft of a patient are at these positions, or none.
    """
    part = draft.at(rows)
    part = replace(part, slots=part.slots.widened(), source_story=part.source_story.astype(np.int64))
    return _made(feed, part, *history.of(part.slots.person), is_last=is_last)


def _made(feed: Feed, draft: _Draft, seen: Seen, done: Done, *, is_last: bool) -> Standing:
    """Return the claims that fit the visits and services that stand, with their providers, diagnoses and lines."""
    draws, people, slots = Draws(feed.seed), population(feed), draft.slots
    conditions = conditions_on(feed, slots.person, slots.service)
    months = age_months_on(people.birth_day[slots.person], slots.service)
    ages = months // 12
    if draft.codes is not None:
        reasons = Reasons(draft.codes[:, 0], np.full(len(ages), NONE))
        diagnoses = Diagnoses(draft.codes, np.count_nonzero(draft.codes != NONE, axis=1))
    else:
        reasons = reasons_of(
            feed,
            slots,
            ages=ages,
            conditions=conditions,
            source_story=draft.source_story,
            source_episode=draft.source_episode,
        )
        diagnoses = diagnoses_of(draws, slots, conditions, reasons.principal)
    providers = providers_of(feed, slots, reasons)
    visits = Seen(
        slots.person,
        providers.practitioner,
        practices_of(feed)[providers.practitioner],
        slots.service,
        providers.is_new | (people.birth_day[slots.person] >= day_number(feed.start_date)),
    )
    fits = ~seen_again(visits, seen, _days_between_visits(feed, seen, visits, is_planned=draft.codes is not None))
    is_new, is_early = new_patients(visits, seen, is_first_seen=day_number(feed.start_date) + NEW_AFTER)
    is_course = (read_table("stories")["draw"] == "course").to_numpy()[slots.story]
    is_new &= ~is_course
    fits &= ~is_early
    specialty, _ = places_of(feed)
    plans = span_on(feed, people=slots.person, days=slots.service).plan
    encounters = Encounters(
        draws=draws,
        counter=slots.counter,
        story=slots.story,
        ages=ages,
        months=months,
        is_female=people.is_female[slots.person],
        is_medicare=read_table("plans")["coverage_kind"].to_numpy()[plans] == "medicare",
        diagnoses=diagnoses,
        specialty=specialty[providers.practitioner],
        coding=_coding(draws, feed)[providers.practitioner],
        is_new=np.where(is_course, slots.is_first, is_new),
        is_video=is_video(draws, slots.counter, slots.story),
    )
    lines = wanted_lines(encounters)
    is_follower = draft.source_story != NONE
    is_refused = _refused(slots, lines, done, rank=np.arange(len(ages)) + is_follower * len(ages))
    is_main = np.r_[True, lines.claim[1:] != lines.claim[:-1]]
    fits[lines.claim[is_main & is_refused]] = False
    lines = without_repeats(lines.at(~is_refused | ~fits[lines.claim]))
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


def _days_between_visits(feed: Feed, seen: Seen, visits: Seen, *, is_planned: bool) -> Integers:
    """Return the least days until the next visit to the same doctor: two, or one in hospital."""
    specialty, _ = places_of(feed)
    daily = (read_table("specialties")["site"] == "hospital_inpatient").to_numpy()[specialty]
    of_doctor = np.where(daily, 1, 2)
    planned = np.ones(len(visits.person), dtype=np.int64)
    mine = planned if is_planned else of_doctor[visits.practitioner]
    return np.concatenate([of_doctor[seen.practitioner], mine])


def _refused(slots: Slots, lines: Lines, done: Done, rank: Integers) -> NDArray[np.bool_]:
    """Return which lines the patient's history forbids; a vaccine and its administration go together."""
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
    refused[of_claims] = is_refused
    return refused


def _redrawn(feed: Feed, draft: _Draft, attempt: int) -> _Draft:
    """Return claims with somebody else as the patient."""
    slots = redrawn(feed, draft.slots, attempt)
    is_same = slots.person == draft.slots.person
    return replace(draft, slots=slots, source_story=np.where(is_same, draft.source_story, NONE))


def _coding(draws: Draws, feed: Feed) -> Integers:
    """Return how many diagnoses more than there are each practitioner codes visits for: most of them none."""
    counter = directory_of(feed).practitioners["counter"].to_numpy()
    chance = draws.uniform("practitioner/coding", counter)
    return (chance < CODES_HIGHER).astype(np.int64) - (chance > 1 - CODES_LOWER)
