"""Checks of families: whose policy covers whom."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import FINDING, Chunk, found
from claims_pipeline.schema import COVERAGES, ENROLLMENT

OLDEST_CHILD = 26
"""Years of age of a child who is covered through a parent, at most: 45 CFR 147.120, and the rest of that year."""
YOUNGEST_SPOUSE = 15
YOUNGEST_SUBSCRIBER = 18
PRIVATE_PLANS = ("ppo", "hmo", "high_deductible", "marketplace")
"""Plans of which an adult holds the policy; in Medicaid and Medicare everybody is a subscriber."""


def relationships_plausible(chunk: Chunk) -> pl.DataFrame:
    """A subscriber is the patient and number 0 of the family, and grown in a private plan; a child is at most 26."""
    births = chunk.patients.unique(["day", "patient_id"], keep="first").select("day", "patient_id", "birth_date")
    rows = chunk.coverages.join(births, on=["day", "patient_id"], how="left")
    age, of = _years(pl.col("birth_date"), pl.min_horizontal("day", "coverage_end_date")), pl.col("relationship")
    is_self = pl.col("subscriber_id") == pl.col("patient_id")
    since = _years(pl.col("birth_date"), pl.col("coverage_start_date"))
    is_private = pl.col("plan_type").is_in(PRIVATE_PLANS)
    wrong = {
        "subscriber": (is_self != (of == "self")) | (is_self != (pl.col("dependent_number") == 0)),
        "relationship": ~of.is_in(["self", "spouse", "child"]),
        "subscriber's age": is_self & is_private & (since < YOUNGEST_SUBSCRIBER),
        "child's age": (of == "child") & (age > OLDEST_CHILD),
        "spouse's age": (of == "spouse") & (age < YOUNGEST_SPOUSE),
    }
    return pl.concat(
        found(
            "relationships_plausible",
            "coverages",
            rows.filter(is_wrong.fill_null(False)),
            key="coverage_id",
            detail=name,
        )
        for name, is_wrong in wrong.items()
    )


def dependents_with_subscriber(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """A dependent's subscriber has a coverage of the same plan that lasts as long, by the enrollment table."""
    named = (
        lake.scan(COVERAGES, days)
        .filter(pl.col("subscriber_id") != pl.col("patient_id"))
        .select("coverage_id", "subscriber_id", "plan_id")
        .unique()
        .collect(engine="streaming")
    )
    if named.is_empty():
        return FINDING.to_frame()
    spans = lake.read(ENROLLMENT).select("patient_id", "spans").explode("spans").unnest("spans")
    own = spans.select("coverage_id", start="coverage_start_date", end="coverage_end_date")
    of_subscribers = spans.select("plan_id", "coverage_start_date", "coverage_end_date", subscriber="patient_id")
    held = (
        named.join(own, on="coverage_id")
        .join(of_subscribers, left_on=["subscriber_id", "plan_id"], right_on=["subscriber", "plan_id"])
        .filter(pl.col("coverage_start_date") <= pl.col("start"), pl.col("coverage_end_date") >= pl.col("end"))
    )
    alone = named.join(held, on=["coverage_id", "subscriber_id", "plan_id"], how="anti")
    detail = pl.format("{} does not have {} then", "subscriber_id", "plan_id")
    return found("dependents_with_subscriber", "coverages", alone, key="coverage_id", detail=detail, has_day=False)


def _years(begin: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Return the completed years from one day to another."""
    month, birth_month = (day.dt.month().cast(pl.Int32) for day in (end, begin))  # 8 bits hold no month times 100
    is_before = (month * 100 + end.dt.day()) < (birth_month * 100 + begin.dt.day())
    return end.dt.year() - begin.dt.year() - is_before.cast(pl.Int32)
