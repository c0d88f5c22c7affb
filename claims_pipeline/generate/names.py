"""Names of people: first names by sex and decade of birth, last names by frequency."""

from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from claims_pipeline.generate.days import year_of
from claims_pipeline.generate.draws import Draws, Integers, WeightTable
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table

DECADES = tuple(range(1930, 2010, 10))


def names_of(
    feed: Feed, kind: str, numbers: Integers, *, is_female: NDArray[np.bool_], birth_days: Integers
) -> tuple[pl.Series, pl.Series]:
    """Return first and last names of persons of a kind (patient, practitioner), by their numbers."""
    draws = Draws(feed.seed)
    decade = np.clip((year_of(birth_days) - DECADES[0]) // 10, 0, len(DECADES) - 1)
    first = _first_names().choose(draws.bits(f"{kind}/first name", numbers), is_female * len(DECADES) + decade)
    last = _last_names().choose(draws.bits(f"{kind}/last name", numbers))
    return read_table("first_names")["first_name"].gather(first), read_table("last_names")["last_name"].gather(last)


@cache
def _first_names() -> WeightTable:
    """Return the choice of a first name by sex (men first) and decade of birth."""
    names = read_table("first_names")
    counts = names.select(f"born_{decade}" for decade in DECADES).to_numpy().T
    return WeightTable(np.concatenate([counts * (names["gender"] == sex).to_numpy() for sex in ("male", "female")]))


@cache
def _last_names() -> WeightTable:
    return WeightTable(read_table("last_names")["person_count"].to_numpy())
