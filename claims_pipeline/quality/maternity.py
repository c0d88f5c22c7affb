"""Checks of births: who gives birth, what the claim says of it, and how long after the birth before."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import Chunk, current, found
from claims_pipeline.reference.births import CESAREAN, MOTHERS, VAGINAL
from claims_pipeline.schema import CLAIMS

ASSISTANTS = ("80", "81", "82", "AS")
"""Modifiers of assistants at surgery."""
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
    """Two days on which a woman gives birth are half a year apart at least.

    A day may have several claims: of twins, or of obstetricians who share the care. Assistants at surgery are left out.
    """
    deliveries = current(
        lake.scan(CLAIMS, days)
        .filter(_has_delivery())
        .select(
            *("day", "claim_id", "claim_status", "version_number", "replaced_claim_id", "patient_id"),
            service_date="claim_start_date",
        )
    ).sort("patient_id", "service_date", "day", "claim_id")
    births = deliveries.unique(["patient_id", "service_date"], keep="first", maintain_order=True)
    gap = (pl.col("service_date") - pl.col("service_date").shift(1)).dt.total_days().over("patient_id")
    soon = births.with_columns(gap=gap).filter(pl.col("gap") < DAYS_APART)
    return found("deliveries_apart", "claims", soon, key="claim_id", detail=pl.format("{} days after", "gap"))


def _has_delivery() -> pl.Expr:
    line = pl.element().struct.field
    assists = line("modifiers").fill_null([]).list.set_intersection(list(ASSISTANTS)).list.len() > 0
    return pl.col("lines").list.eval(line("hcpcs_code").is_in(VAGINAL + CESAREAN) & ~assists).list.any()
