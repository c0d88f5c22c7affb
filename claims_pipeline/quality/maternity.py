"""Checks of births: who gives birth, what the claim says of it, and how long after the birth before."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import Chunk, current, found
from claims_pipeline.schema import CLAIMS

DELIVERIES = (
    "59400",
    "59409",
    "59410",
    "59510",
    "59514",
    "59515",
    "59610",
    "59612",
    "59614",
    "59618",
    "59620",
    "59622",
)
"""CPT: births, vaginal or by cesarean, with or without the care before and after."""
MOTHERS = (12, 55)
DAYS_APART = 183


def deliveries_complete(chunk: Chunk) -> pl.DataFrame:
    """The claim of a delivery is of a woman of 12 to 55 and names the outcome (Z37, ICD-10-CM guideline I.C.15)."""
    born, on = pl.col("birth_date"), pl.col("claim_start_date")
    youngest, oldest = MOTHERS
    is_mother = (
        (pl.col("gender") == "female")
        & (born.dt.offset_by(f"{youngest}y") <= on)
        & (born.dt.offset_by(f"{oldest + 1}y") > on)
    )
    has_outcome = pl.col("diagnosis_codes").list.eval(pl.element().str.starts_with("Z37")).list.any()
    rows = chunk.members.filter(_has_delivery())
    wrong = {"mother": ~is_mother, "outcome": ~has_outcome}
    return pl.concat(
        found("deliveries_complete", "claims", rows.filter(is_wrong.fill_null(True)), key="claim_id", detail=what)
        for what, is_wrong in wrong.items()
    )


def deliveries_apart(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """Two deliveries of a woman are half a year apart at least."""
    deliveries = current(
        lake.scan(CLAIMS, days)
        .filter(_has_delivery())
        .select(
            *("day", "claim_id", "claim_status", "version_number", "replaced_claim_id", "patient_id"),
            service_date="claim_start_date",
        )
    ).sort("patient_id", "service_date", "day", "claim_id")
    gap = (pl.col("service_date") - pl.col("service_date").shift(1)).dt.total_days().over("patient_id")
    soon = deliveries.with_columns(gap=gap).filter(pl.col("gap") < DAYS_APART)
    return found("deliveries_apart", "claims", soon, key="claim_id", detail=pl.format("{} days after", "gap"))


def _has_delivery() -> pl.Expr:
    return pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").is_in(DELIVERIES)).list.any()
