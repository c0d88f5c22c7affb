"""Why a patient is seen: the diagnosis of the story, or one of the patient's conditions."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.conditions import Masks, code_conditions, condition_names, worse_codes
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.schedule.cataracts import eye_reasons
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.generate.schedule.well_child import STORY, newborn_reasons
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table, reasons_of_stories

OLDEST = 120
CONDITION = "condition"
RULED_OUT_BY = {"R73.03": "diabetes", "Z13.220": "hyperlipidemia"}
"""Reasons that those who have a condition cannot have, who are seen for one of their conditions instead: what comes
before it, and the search for it."""


@dataclass(frozen=True)
class Reasons:
    """Why patients are seen.

    Attributes:
        principal: row of the diagnoses table.
        condition: the condition that the principal diagnosis stands for, or NONE.
    """

    principal: Integers
    condition: Integers


def reasons_of(
    feed: Feed, slots: Slots, *, ages: Integers, conditions: Masks, source_story: Integers, source_episode: Bits
) -> Reasons:
    """Return the reason of each visit.

    Args:
        feed: the feed.
        slots: the visits.
        ages: of the patients on the day of service.
        conditions: of the patients on that day.
        source_story: story of the visit that this one follows, NONE where it follows none: it has its reason.
        source_episode: episode of that visit.
    """
    draws, people = Draws(feed.seed), population(feed)
    fits = _Patients(draws, slots.person, conditions, people.is_female[slots.person], ages)
    principal, condition = fits.principal(slots.story, slots.episode)
    (following,) = np.nonzero(source_story >= 0)
    reason, _ = fits.at(following).principal(source_story[following], source_episode[following])
    shared = _options_of_stories()[slots.story[following], reason]
    principal[following[shared]] = reason[shared]
    is_well_child = slots.story == read_table("stories")["story"].to_list().index(STORY)
    principal = newborn_reasons(principal, is_well_child, slots.service - people.birth_day[slots.person])
    principal = eye_reasons(feed, principal, slots.person, slots.service)
    return Reasons(principal, condition)


@dataclass(frozen=True)
class _Patients:
    """What decides about the reason of a visit: arrays with one element a claim."""

    draws: Draws
    person: Integers
    conditions: Masks
    is_female: NDArray[np.bool_]
    ages: Integers

    def at(self, rows: Integers) -> "_Patients":
        """Return the patients of some claims."""
        return _Patients(self.draws, self.person[rows], self.conditions[rows], self.is_female[rows], self.ages[rows])

    def principal(self, story: Integers, episode: Bits) -> tuple[Integers, Integers]:
        """Return the row of diagnoses of each visit's reason, and the condition it stands for, or NONE."""
        with_condition, without, options = _principal_choice()
        eligible = self.conditions.astype(np.int64) & _cluster_masks()[story]
        row = (story * 2 + self.is_female) * (OLDEST + 1) + np.minimum(self.ages, OLDEST)
        bits = self.draws.bits("claim/principal", episode)
        option = with_condition.choose(bits, row)
        option[self._have(_ruled_out_by()[options[option]])] = np.flatnonzero(options == NONE)[0]
        worse = _condition_when_worse()[options[option]]
        lacks = (worse != NONE) & ~self._have(worse)
        (again,) = np.nonzero(((options[option] == NONE) & (eligible == 0)) | lacks)
        option[again] = without.choose(bits[again], row[again])
        principal, condition = options[option], _condition_when_worse()[options[option]]
        (own,) = np.nonzero(condition != NONE)
        code = code_conditions(self.draws, self.person[own], self.conditions[own], condition[own])
        principal[own] = worse_codes()[code]
        coded = _condition_of_code()[principal]
        (own,) = np.nonzero(coded != NONE)
        principal[own] = code_conditions(self.draws, self.person[own], self.conditions[own], coded[own])
        (chronic,) = np.nonzero(principal == NONE)
        which = condition_choice().choose(self.draws.bits("claim/condition", episode[chronic]), eligible[chronic])
        condition[chronic] = which
        code = code_conditions(self.draws, self.person[chronic], self.conditions[chronic], which)
        share = read_table("stories")["worse"].to_numpy()[story[chronic]]
        is_worse = self.draws.uniform("claim/worse", episode[chronic]) < share
        principal[chronic] = np.where(is_worse, worse_codes()[code], code)
        return principal, condition

    def _have(self, condition: Integers) -> NDArray[np.bool_]:
        """Return who has a condition each; nobody has NONE."""
        bit = np.maximum(condition, 0).astype(np.uint32)
        has: NDArray[np.bool_] = (condition != NONE) & ((self.conditions >> bit) & np.uint32(1) == 1)
        return has


@cache
def _ruled_out_by() -> Integers:
    """Return for each row of diagnoses the condition that rules it out as a reason, or NONE; the last one is NONE."""
    names = condition_names()
    by = [RULED_OUT_BY.get(code) for code in read_table("diagnoses")["diagnosis_code"]]
    return np.array([NONE if name is None else names.index(name) for name in [*by, None]])


@cache
def _options_of_stories() -> NDArray[np.bool_]:
    """Return which diagnoses (columns) are reasons of which stories (rows)."""
    stories, diagnoses = read_table("stories")["story"].to_list(), read_table("diagnoses")
    codes, families = diagnoses["diagnosis_code"].to_list(), diagnoses["family"].to_list()
    is_condition = np.isin(families, condition_names())
    allowed = np.zeros((len(stories), len(codes)), dtype=np.bool_)
    for row in reasons_of_stories().iter_rows(named=True):
        story = stories.index(row["story"])
        if row["diagnosis_code"] == CONDITION:
            allowed[story] |= is_condition
            continue
        code = codes.index(row["diagnosis_code"])
        worse = _condition_when_worse()[:-1]
        allowed[story] |= worse == worse[code] if worse[code] != NONE else np.arange(len(codes)) == code
    return allowed


@cache
def _condition_when_worse() -> Integers:
    """Return for each row of diagnoses the condition that is worse than usual by it, or NONE; the last one is NONE.

    Only those who have the condition have such a reason, with the code of their own.
    """
    codes = read_table("condition_codes").drop_nulls("worse_code")
    conditions = dict(codes.select("worse_code", "condition").iter_rows())
    of_diagnosis = [conditions.get(code) for code in read_table("diagnoses")["diagnosis_code"]]
    names = condition_names()
    return np.array([NONE if name is None else names.index(name) for name in [*of_diagnosis, None]])


@cache
def _condition_of_code() -> Integers:
    """Return for each row of diagnoses the condition that it is a code of, or NONE; the last one is NONE.

    A patient has one code of a condition for ever, whatever the story names: not now the right knee, now both.
    """
    codes, names = read_table("condition_codes"), condition_names()
    conditions = dict(codes.select("diagnosis_code", "condition").iter_rows())
    of_diagnosis = [conditions.get(code) for code in read_table("diagnoses")["diagnosis_code"]]
    return np.array([NONE if name is None else names.index(name) for name in [*of_diagnosis, None]])


@once()
def _principal_choice() -> tuple[KeyedChoice, KeyedChoice, Integers]:
    """Return the choice with and without the patient's conditions, and the row of diagnoses for each option."""
    stories, codes, rows = read_table("stories"), read_table("diagnoses"), reasons_of_stories()
    numbers = {code: number for number, code in enumerate(codes["diagnosis_code"])}
    options = [CONDITION, *(code for code in rows["diagnosis_code"].unique(maintain_order=True) if code != CONDITION)]
    weights = np.zeros((stories.height, 2, OLDEST + 1, len(options)))
    for row in rows.iter_rows(named=True):
        story, option = stories["story"].to_list().index(row["story"]), options.index(row["diagnosis_code"])
        from_age, to_age, sex = row["from_age"], row["to_age"], None
        if row["diagnosis_code"] != CONDITION:
            fits = codes.row(numbers[row["diagnosis_code"]], named=True)
            from_age, to_age, sex = max(from_age, fits["from_age"]), min(to_age, fits["to_age"]), fits["sex"]
        for is_female, name in enumerate(("male", "female")):
            if sex in (None, name):
                weights[story, is_female, from_age : to_age + 1, option] = row["weight"]
    without = weights.copy()
    without[..., 0] = 0
    of_option = np.array([numbers.get(option, NONE) for option in options])
    without[..., _condition_when_worse()[of_option] != NONE] = 0
    for table in (weights, without):
        table[table.sum(axis=-1) == 0, 0] = 1.0
    choice, other_choice = (KeyedChoice(options, table.reshape(-1, len(options))) for table in (weights, without))
    return choice, other_choice, of_option


@once()
def condition_choice() -> KeyedChoice:
    """Return the choice of one of the conditions of a mask, by how often each is the reason of a visit."""
    weights = read_table("conditions")["visit_weight"].to_numpy()
    masks = np.arange(2 ** len(weights))
    table = ((masks[:, None] >> np.arange(len(weights))) & 1) * weights
    table[0] = 1.0
    return KeyedChoice(condition_names(), table)


@cache
def _cluster_masks() -> Integers:
    """Return for each story the conditions that it can be about."""
    clusters = list(read_table("conditions").select("condition", "cluster").iter_rows())
    return np.array(
        [
            sum(1 << bit for bit, names in enumerate(clusters) if wanted in (None, *names))
            for wanted in read_table("stories")["cluster"]
        ]
    )
