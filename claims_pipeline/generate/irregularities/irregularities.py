"""Irregular claims among the visits of a part of a year, each with a label, so that detectors can be scored.

A planted claim takes the place of a regular one, so the number of claims stays what the feed says. Like the visits
themselves this is a pure function of the feed, the part, and the parts before. How each kind is made: planted_coding,
planted_copies.
"""

from collections.abc import Sequence

import polars as pl

from claims_pipeline.generate.irregularities.planted_coding import (
    with_impossible_units,
    with_missing_diagnoses,
    with_unbundling,
    with_upcoding,
    with_wrong_new_patients,
)
from claims_pipeline.generate.irregularities.planted_copies import (
    DUPLICATE,
    NEAR_DUPLICATE,
    NEXT_DAY,
    with_repeated_claims,
    with_repeated_services,
)
from claims_pipeline.generate.irregularities.planting import planting
from claims_pipeline.lake import Feed
from claims_pipeline.schema import IRREGULARITIES

OF_CLAIMS = 8
"""Kinds that single claims have; the rate is shared out among them. Upcoding is a habit of practitioners."""


def plant(feed: Feed, visits: pl.DataFrame, earlier: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return visits with the irregularities of the feed among them, and the label of each.

    Args:
        feed: its `irregularities` is the share of the claims to make irregular; 0 changes nothing.
        visits: the visits of a part of a year, as `years.frames_of_days` returns them.
        earlier: the visits before it: of the years before, and of the first part of the year.

    Returns:
        The visits, and the rows of `irregularities`, sorted by its key.
    """
    nothing = IRREGULARITIES.polars_schema.to_frame()
    if not feed.irregularities or visits.is_empty():
        return visits, nothing
    wanted = feed.irregularities * visits.height / OF_CLAIMS
    year = with_upcoding(planting(feed, visits), feed)
    year = with_missing_diagnoses(year, wanted)
    year = with_unbundling(year, wanted)
    year = with_impossible_units(year, wanted)
    year = with_wrong_new_patients(year, wanted, earlier)
    year = with_repeated_services(year, wanted, feed)
    for kind in (NEAR_DUPLICATE, NEXT_DAY, DUPLICATE):
        year = with_repeated_claims(year, wanted, kind, feed)
    return year.frame, pl.concat([nothing, *year.labels]).sort(IRREGULARITIES.key)
