"""With whom and where: the patient's own doctor, a specialist, an emergency department, a laboratory."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.generate.directory import directory_of, practitioner_keys
from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import ages_on
from claims_pipeline.generate.numbers.draws import Draws, Integers, pair
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.population import population
from claims_pipeline.generate.people.residence import residence_on
from claims_pipeline.generate.schedule.reasons import Reasons
from claims_pipeline.generate.schedule.slots import Slots
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

OWN_DOCTOR = "own_doctor"
NEW_WITH_SPECIALIST = 0.15
"""Share of the follow-ups of a chronic condition with a specialist that are the first visit there: by judgement."""
PRIMARY_CARE = ("pediatrics", "family_medicine", "internal_medicine")
ADULT = 18
WITH_PEDIATRICIAN = 0.92
"""Share of children whose own doctor is a pediatrician; family medicine has the others: NAMCS 2019, rounded."""


@dataclass(frozen=True)
class Providers:
    """The providers of claims as arrays.

    Attributes:
        practitioner: number of the practitioner, from 0.
        specialty: row of the specialties table.
        city: row of the cities table.
        is_new: whether the patient is new to them, if no visit there is known.
    """

    practitioner: Integers
    specialty: Integers
    city: Integers
    is_new: NDArray[np.bool_]


def providers_of(feed: Feed, slots: Slots, reasons: Reasons) -> Providers:
    """Return with whom each visit is."""
    draws, directory = Draws(feed.seed), directory_of(feed)
    choice, specialties, new_share = _settings()
    families = family_numbers()[reasons.principal]
    row = slots.story * (families_count() + 1) + families
    option = choice.choose(draws.bits("claim/setting", slots.episode), row)
    specialty, new_chance = specialties[option], new_share[option]
    city = residence_on(feed, slots.person, slots.service).city
    is_own = specialty == NONE
    own, other = _own_specialty(feed, slots)
    specialty = np.where(is_own, own, specialty)
    (referred,) = np.nonzero(_is_referred(draws, slots, reasons))
    specialty[referred] = _condition_specialties()[0][reasons.condition[referred]]
    new_chance[referred], is_own[referred] = NEW_WITH_SPECIALIST, False
    is_new = draws.uniform("claim/new patient", slots.episode) < new_chance
    specialty = np.where(is_own & is_new, other, specialty)
    is_course = (read_table("stories")["draw"] == "course").to_numpy()[slots.story]
    keeps = read_table("specialties")["keeps_patients"].to_numpy()[specialty] == 1
    known = pair(slots.person, practitioner_keys()[city, specialty])
    key = np.where(keeps & ~is_new & ~is_course, known, slots.episode)
    count = directory.practitioner_count[city, specialty]
    return Providers(
        practitioner=directory.first_practitioner[city, specialty] + draws.below("claim/practitioner", key, count),
        specialty=specialty,
        city=city,
        is_new=is_new & ~is_course,
    )


@cache
def families() -> tuple[str, ...]:
    """Return the families of diagnoses, in the order of their numbers from 1 on."""
    return tuple(read_table("diagnoses")["family"].unique(maintain_order=True))


def families_count() -> int:
    """Return the greatest number of a family."""
    return len(families())


@cache
def family_numbers() -> Integers:
    """Return the number of the family of each row of diagnoses; the last element, for NONE, is 0."""
    order = families()
    return np.array([*(order.index(family) + 1 for family in read_table("diagnoses")["family"]), 0])


@once()
def _settings() -> tuple[KeyedChoice, Integers, NDArray[np.float64]]:
    """Return the choice of a setting by story and family, and each setting's specialty and share of new patients."""
    stories, settings = read_table("stories")["story"].to_list(), read_table("story_settings")
    specialties = read_table("specialties")["specialty"].to_list()
    weights = np.zeros((len(stories), families_count() + 1, settings.height))
    for number, row in enumerate(settings.iter_rows(named=True)):
        story = stories.index(row["story"])
        of_story = settings.filter(settings["story"] == row["story"])
        special = [families().index(name) + 1 for name in of_story["family"].drop_nulls().unique()]
        if row["family"] is None:
            weights[story, np.setdiff1d(np.arange(families_count() + 1), special), number] = row["weight"]
        else:
            weights[story, families().index(row["family"]) + 1, number] = row["weight"]
    specialty = [NONE if name == OWN_DOCTOR else specialties.index(name) for name in settings["specialty"]]
    keys = [f"{row['specialty']}/{row['story']}/{row['family']}" for row in settings.to_dicts()]
    return (
        KeyedChoice(keys, weights.reshape(-1, settings.height)),
        np.array(specialty),
        settings["new_patients"].to_numpy().astype(np.float64),
    )


def _own_specialty(feed: Feed, slots: Slots) -> tuple[Integers, Integers]:
    """Return the specialty of each patient's own doctor, and that of the practice where they are new.

    A small city has one practice of a specialty, so those who are new to a practice go to the other specialty.
    """
    draws, people, specialties = Draws(feed.seed), slots.person, read_table("specialties")
    choice = KeyedChoice(specialties["specialty"].to_list(), specialties["is_primary_care"].to_numpy())
    of_adults = choice.choose(draws.bits("person/own doctor", people))
    is_child = ages_on(population(feed).birth_day[people], slots.service) < ADULT
    has_pediatrician = is_child & (draws.uniform("person/own pediatrician", people) < WITH_PEDIATRICIAN)
    pediatrics, family, internal = (specialties["specialty"].to_list().index(name) for name in PRIMARY_CARE)
    own = np.where(has_pediatrician, pediatrics, of_adults)
    return own, np.where(own != family, family, np.where(is_child, pediatrics, internal))


def _is_referred(draws: Draws, slots: Slots, reasons: Reasons) -> NDArray[np.bool_]:
    """Return which follow-ups of a chronic condition are with its specialist instead of the own doctor."""
    _, share = _condition_specialties()
    story = read_table("stories")["story"].to_list().index("chronic_care")
    chance = share[reasons.condition]
    is_referred: NDArray[np.bool_] = draws.uniform("claim/referred", slots.counter) < chance
    is_referred &= slots.story == story
    return is_referred


@cache
def _condition_specialties() -> tuple[Integers, NDArray[np.float64]]:
    """Return the specialty of each condition and the share of its follow-ups there; the last element is for NONE."""
    conditions, specialties = read_table("conditions"), read_table("specialties")["specialty"].to_list()
    rows = [specialties.index(name) for name in conditions["specialist"]]
    return np.array([*rows, NONE]), np.array([*conditions["specialist_share"], 0.0])
