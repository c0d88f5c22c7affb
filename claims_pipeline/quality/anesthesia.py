"""Check of anesthesia claims: what the anesthesia is for."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import FINDING, found
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS

PROCEDURE = r"^([1-6]\d{4}|G0105|G0121)$"
"""CPT: 10004 to 69990 are surgery, endoscopy and births; HCPCS has two colonoscopies.

The procedure may be on the next day, because labor may begin on the day before the birth. Anesthesia of codes that are
not in anesthesia.csv is not judged: it is for studies, treatments or pain. Of a claim only the first version is judged.
"""


def anesthesia_with_procedure(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """Anesthesia for a procedure of anesthesia.csv has surgery by another provider on the day, or on the next one."""
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    judged = read_table("anesthesia")["hcpcs_code"]
    claims = (
        lake.scan(CLAIMS, days)
        .filter(pl.col("version_number") == 1)
        .select(
            *("day", "claim_id", "patient_id", "rendering_npi", "claim_start_date"),
            is_original=pl.col("replaced_claim_id").is_null(),
            is_anesthesia=codes.list.eval(pl.element().is_in(judged.implode())).list.any(),
            is_procedure=codes.list.eval(pl.element().str.contains(PROCEDURE)).list.any(),
        )
    )
    given = claims.filter(pl.col("is_anesthesia") & pl.col("is_original")).collect(engine="streaming")
    if given.is_empty():
        return FINDING.to_frame()
    procedures = claims.filter("is_procedure").select("patient_id", "claim_start_date", by="rendering_npi").collect()
    day_before = procedures.with_columns(pl.col("claim_start_date").dt.offset_by("-1d"))
    for_procedure = given.join(pl.concat([procedures, day_before]), on=["patient_id", "claim_start_date"]).filter(
        pl.col("by") != pl.col("rendering_npi")
    )
    alone = given.join(for_procedure, on=["day", "claim_id"], how="anti")
    return found("anesthesia_with_procedure", "claims", alone, key="claim_id", detail="no procedure on the day")
