"""Names of people: first names by sex and decade of birth, last names by frequency."""

from functools import cache

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from claims_pipeline.generate.numbers.choices import KeyedChoice
from claims_pipeline.generate.numbers.days import year_of
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.reference import read_table

DECADES = tuple(range(1930, 2010, 10))


def choose_first_names(
    draws: Draws, kind: str, counter: ArrayLike, *, is_female: NDArray[np.bool_], birth_days: Integers
) -> Integers:
    """Return rows of first_names for persons of a kind (patient, practitioner)."""
    decade = np.clip((year_of(birth_days) - DECADES[0]) // 10, 0, len(DECADES) - 1)
    return _first_names().choose(draws.bits(f"{kind}/first name", counter), is_female * len(DECADES) + decade)


def choose_last_names(draws: Draws, kind: str, counter: ArrayLike) -> Integers:
    """Return rows of last_names for persons of a kind (patient, practitioner)."""
    return _last_names().choose(draws.bits(f"{kind}/last name", counter))


@cache
def _first_names() -> KeyedChoice:
    """Return the choice of a first name by sex (men first) and decade of birth."""
    names = read_table("first_names")
    counts = names.select(f"born_{decade}" for decade in DECADES).to_numpy().T
    weights = np.concatenate([counts * (names["gender"] == sex).to_numpy() for sex in ("male", "female")])
    keys = names.select(pl.format("{}/{}", "first_name", "gender")).to_series()
    return KeyedChoice(keys.to_list(), weights)


@cache
def _last_names() -> KeyedChoice:
    names = read_table("last_names")
    return KeyedChoice(names["last_name"].to_list(), names["person_count"].to_numpy())
