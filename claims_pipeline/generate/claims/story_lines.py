"""The lines that the rules of stories give claims: which procedures, for which diagnosis, how many."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.providers import family_numbers
from claims_pipeline.generate.claims.rules import ANY_VISIT, LAST_MONTH, Rule, rules_of
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES, NONE
from claims_pipeline.generate.numbers.choices import WeightTable
from claims_pipeline.generate.numbers.draws import Bits, Draws, Integers
from claims_pipeline.generate.schedule.calendar import stories
from claims_pipeline.generate.schedule.diagnoses import Diagnoses
from claims_pipeline.reference import read_table

PATIENTS = ("established", "new", "emergency")
MINOR = (
    *("respiratory_infection", "sore_throat", "sinusitis", "ear", "eye", "viral"),
    *("ankle_sprain", "knee_sprain", "back_strain", "hand_cut", "face_cut"),
)
MINOR_LEVEL = 3
"""Families of reasons of which an emergency visit is billed with 99284 at most, and the position of that level; 99285
is for problems of high complexity (CPT 2023)."""


@dataclass(frozen=True)
class Encounters:
    """What decides about the lines of claims: arrays with one element a claim.

    Attributes:
        counter: the claim's counter for random draws.
        story: row of the stories table.
        ages: of the patient on the day of service.
        months: the same in months.
        is_female: of the patient.
        is_medicare: whether the payer is Medicare, or a plan of Medicare Advantage.
        diagnoses: may gain those that lines bring with them.
        specialty: row of the specialties table.
        coding: how many diagnoses more the practitioner codes visits as if they had.
        is_new: whether the patient is new to the practice, or the visit the first of a course.
        is_video: whether it is a visit by video.
    """

    draws: Draws
    counter: Bits
    story: Integers
    ages: Integers
    months: Integers
    is_female: NDArray[np.bool_]
    is_medicare: NDArray[np.bool_]
    diagnoses: Diagnoses
    specialty: Integers
    coding: Integers
    is_new: NDArray[np.bool_]
    is_video: NDArray[np.bool_]


def wanted_lines(visits: Encounters) -> Lines:
    """Return the lines that the rules give claims, repeats of a procedure included.

    `visits.diagnoses` gains the diagnoses that lines bring with them.
    """
    found: list[tuple[Integers, ...]] = []
    for number, story in enumerate(stories()):
        (claims,) = np.nonzero(visits.story == number)
        if len(claims):
            found += _StoryLines(visits, claims).lines(rules_of(story))
    if not found:
        return Lines(*np.zeros((5, 0), dtype=np.int64))
    claim, order, code, pointer, units = (np.concatenate(parts) for parts in zip(*found, strict=True))
    (leveled,) = np.nonzero(code < 0)
    code[leveled] = _visit_codes(visits, claim[leveled], code[leveled])
    sequence = np.argsort(claim * (order.max() + 1) + order, kind="stable")
    columns = (claim, code, pointer, units, _slots()[order])
    return Lines(*(column[sequence] for column in columns))


@cache
def _slots() -> Integers:
    """Return the number of the slot, of its story, of each row of story_lines."""
    slots = read_table("story_lines").select(pl.struct("story", "slot").rank("dense")).to_series()
    return slots.to_numpy().astype(np.int64)


class _StoryLines:
    """Compares the claims of one story with its rules."""

    def __init__(self, visits: Encounters, claims: Integers) -> None:
        self.visits, self.claims = visits, claims
        self.codes, self.count = visits.diagnoses.codes, visits.diagnoses.count
        self.counter, self.ages = visits.counter[claims], visits.ages[claims]
        self.months = visits.months[claims]
        self.is_female, self.is_medicare = visits.is_female[claims], visits.is_medicare[claims]
        self.is_new, self.is_video = visits.is_new[claims], visits.is_video[claims]
        self.families = family_numbers()[self.codes[claims]]
        self.shares: dict[str, NDArray[np.float64]] = {}

    def lines(self, rules: tuple[Rule, ...]) -> list[tuple[Integers, ...]]:
        """Return claim, order, code, pointer and units of the lines that the rules give."""
        found: list[tuple[Integers, ...]] = []
        for rule in rules:
            at = self._where(rule)
            if len(at):
                pointer = self._pointers(rule, at)
                size, claims = len(at), self.claims[at]
                found.append(
                    (claims, np.full(size, rule.order), np.full(size, rule.code), pointer, self._units(rule, at))
                )
        return found

    def _where(self, rule: Rule) -> Integers:
        """Return the positions of the claims that a rule applies to: each condition is asked of those that are left."""
        if rule.slot not in self.shares:
            self.shares[rule.slot] = self.visits.draws.uniform(f"line/{rule.slot}", self.counter)
        share = self.shares[rule.slot]
        at = self._with_patient(rule, np.flatnonzero((share >= rule.from_share) & (share < rule.to_share)))
        if rule.principal != NONE:
            at = at[self.families[at, 0] == rule.principal]
        if rule.any_diagnosis != NONE:
            at = at[(self.families[at] == rule.any_diagnosis).any(axis=1)]
        if not rule.by_video:
            at = at[~self.is_video[at]]
        if rule.adds != NONE:
            claims = self.claims[at]
            at = at[(self.count[claims] < MOST_DIAGNOSES) | (self.codes[claims] == rule.adds).any(axis=1)]
        return at

    def _with_patient(self, rule: Rule, at: Integers) -> Integers:
        """Return those of some positions at which the patient is one of the rule's."""
        if rule.patient:
            at = at[self.is_new[at] == (rule.patient == "new")]
        if rule.payer:
            at = at[self.is_medicare[at] == (rule.payer == "medicare")]
        if rule.sex:
            at = at[self.is_female[at] == (rule.sex == "female")]
        if rule.from_age > 0 or rule.to_age < 120:
            at = at[(self.ages[at] >= rule.from_age) & (self.ages[at] <= rule.to_age)]
        if rule.from_month > 0 or rule.to_month < LAST_MONTH:
            at = at[(self.months[at] >= rule.from_month) & (self.months[at] <= rule.to_month)]
        return at

    def _pointers(self, rule: Rule, at: Integers) -> Integers:
        """Return which diagnosis the lines are for, adding it where the rule brings one."""
        if rule.any_diagnosis != NONE:
            return _first(self.families[at] == rule.any_diagnosis)
        if rule.adds == NONE:
            return np.ones(len(at), dtype=np.int64)
        claims = self.claims[at]
        missing = claims[~(self.codes[claims] == rule.adds).any(axis=1)]
        self.codes[missing, self.count[missing]] = rule.adds
        self.count[missing] += 1
        return _first(self.codes[claims] == rule.adds)

    def _units(self, rule: Rule, at: Integers) -> Integers:
        if rule.max_units == rule.min_units:
            return np.full(len(at), rule.min_units)
        spread = rule.max_units - rule.min_units + 1
        return rule.min_units + self.visits.draws.below(f"units/{rule.slot}", self.counter[at], spread)


def _first(matches: NDArray[np.bool_]) -> Integers:
    """Return the number of the first match of each row, from 1."""
    number: Integers = np.argmax(matches, axis=1)
    return number + 1


def _visit_codes(visits: Encounters, claims: Integers, wanted: Integers) -> Integers:
    """Return the row of procedures of visits whose level depends on the number of diagnoses."""
    table, codes = _visit_levels()
    emergency = read_table("specialties")["site"].to_list().index("emergency")
    in_emergency = (wanted == ANY_VISIT) & (visits.specialty[claims] == emergency)
    kind = np.where(in_emergency, PATIENTS.index("emergency"), visits.is_new[claims].astype(np.int64))
    counted = (visits.diagnoses.count[claims] - 1 + visits.coding[claims]).clip(0, MOST_DIAGNOSES - 1)
    row = kind * MOST_DIAGNOSES + counted
    level = table.choose(visits.draws.bits("claim/visit level", visits.counter[claims]), row)
    is_minor = _is_minor()[visits.diagnoses.codes[claims, 0]] & (kind == PATIENTS.index("emergency"))
    return codes[kind, np.where(is_minor, np.minimum(level, MINOR_LEVEL), level)]


@cache
def _is_minor() -> NDArray[np.bool_]:
    """Return which diagnoses are never the reason of an emergency visit of a high level; the last one is NONE."""
    minor: NDArray[np.bool_] = np.append(read_table("diagnoses")["family"].is_in(MINOR).to_numpy(), False)
    return minor


@cache
def _visit_levels() -> tuple[WeightTable, Integers]:
    """Return the choice of a level by patient and number of diagnoses, and the procedure of each level."""
    levels = read_table("visit_levels").select(f"level_{level}" for level in range(1, 6)).to_numpy()
    procedures = read_table("procedures")["hcpcs_code"].to_list()
    codes = [[procedures.index(f"{first}{level}") for level in range(1, 6)] for first in ("9921", "9928")]
    new = [NONE, *(procedures.index(f"9920{level}") for level in range(2, 6))]
    return WeightTable(levels), np.array([codes[0], new, codes[1]])
