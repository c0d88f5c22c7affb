"""Check of anesthesia claims: what the anesthesia is for."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import FINDING, found
from claims_pipeline.schema import CLAIMS

ANESTHESIA = r"^0[01]\d{3}$"
PROCEDURE = r"^([1-6]\d{4}|G0105|G0121)$"
"""CPT: 00100 to 01999 are anesthesia, 10004 to 69990 surgery, endoscopy and births; HCPCS has two colonoscopies."""


def anesthesia_with_procedure(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """A claim of anesthesia has a procedure of another provider on the day; first versions are judged."""
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    claims = (
        lake.scan(CLAIMS, days)
        .filter(pl.col("version_number") == 1)
        .select(
            *("day", "claim_id", "patient_id", "rendering_npi", "claim_start_date"),
            is_original=pl.col("replaced_claim_id").is_null(),
            is_anesthesia=codes.list.eval(pl.element().str.contains(ANESTHESIA)).list.any(),
            is_procedure=codes.list.eval(pl.element().str.contains(PROCEDURE)).list.any(),
        )
    )
    given = claims.filter(pl.col("is_anesthesia") & pl.col("is_original")).collect(engine="streaming")
    if given.is_empty():
        return FINDING.to_frame()
    procedures = claims.filter("is_procedure").select("patient_id", "claim_start_date", by="rendering_npi").collect()
    for_procedure = given.join(procedures, on=["patient_id", "claim_start_date"]).filter(
        pl.col("by") != pl.col("rendering_npi")
    )
    alone = given.join(for_procedure, on=["day", "claim_id"], how="anti")
    return found("anesthesia_with_procedure", "claims", alone, key="claim_id", detail="no procedure on the day")
