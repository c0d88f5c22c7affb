"""Names and streets."""

import numpy as np
import polars as pl

from claims_pipeline.generate.draws import Draws, Integers, WeightTable
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table


def names_of(feed: Feed, kind: str, numbers: Integers, is_female: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """Return first and last names of persons of a kind (patient, practitioner), by their numbers."""
    draws = Draws(feed.seed)
    given, family = read_table("first_names"), read_table("last_names")
    weights = [(given["gender"] == gender).to_numpy().astype(float) for gender in ("male", "female")]
    first = WeightTable(weights).choose(draws.bits(f"{kind}/first name", numbers), is_female.astype(np.int64))
    last = WeightTable(family["person_count"].to_numpy()).choose(draws.bits(f"{kind}/last name", numbers))
    return given["first_name"].gather(first), family["last_name"].gather(last)
