"""How many of the irregularities that were planted in a lake the checks find."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS, IRREGULARITIES

FOUND_BY: Mapping[str, str] = MappingProxyType(
    {
        "duplicate": "claims_not_repeated",
        "frequency": "services_apart",
        "near_duplicate": "claims_not_nearly_repeated",
        "next_day": "claims_not_repeated_next_day",
        "units": "units_possible",
        "missing_diagnosis": "diagnoses_followed",
        "new_patient": "new_patients_unknown",
        "unbundling": "procedures_together",
        "upcoding": "visit_levels_like_peers",
    }
)
"""Check that finds each kind; the last one names practitioners, whose claims all count as found."""


class Score(NamedTuple):
    """How many claims of a kind were planted, and how many of these a check found."""

    kind: str
    check: str
    planted: int
    found: int


def labels(lake: Lake) -> pl.DataFrame:
    """Return all rows of `irregularities`; none in a lake without irregularities."""
    years = [date(int(year), 1, 1) for year in lake.manifest(IRREGULARITIES)]
    return pl.concat([IRREGULARITIES.polars_schema.to_frame(), *(lake.read(IRREGULARITIES, year) for year in years)])


def scores(lake: Lake, days: Sequence[date], findings: pl.DataFrame) -> tuple[Score, ...]:
    """Return the score of each kind that is planted in claims of some days.

    Args:
        lake: a lake, with or without irregularities.
        days: the days that were checked.
        findings: what the checks found in them (`findings.findings`).
    """
    planted = labels(lake)
    if planted.is_empty() or not days:
        return ()
    claims = lake.scan(CLAIMS, days).select("claim_id", "practitioner_id").unique("claim_id").collect()
    checks = pl.DataFrame({"kind": list(FOUND_BY), "check": list(FOUND_BY.values())})
    found = findings.select("check", "id").unique().with_columns(is_found=True)
    counted = (
        planted.join(claims, on="claim_id")
        .join(checks, on="kind")
        .with_columns(id=pl.when(pl.col("kind") == "upcoding").then("practitioner_id").otherwise("claim_id"))
        .join(found, on=["check", "id"], how="left")
        .group_by("kind", "check")
        .agg(pl.len().alias("planted"), pl.col("is_found").fill_null(False).sum().alias("found"))
        .sort("kind")
    )
    return tuple(Score(*row) for row in counted.iter_rows())
