"""Figures about births: how children are born, and whether the mother has a claim of it."""

import polars as pl

from claims_pipeline.fidelity.estimate import Figures, share_of
from claims_pipeline.fidelity.sample import Sample
from claims_pipeline.reference.births import CESAREAN, MOTHERS, VAGINAL
from claims_pipeline.schema import ENROLLMENT


def cesareans(sample: Sample) -> Figures:
    """Return the percentage of deliveries that are by cesarean."""
    return {"cesarean": share_of(_deliveries(sample), pl.col("is_cesarean"))}


def births_with_delivery(sample: Sample) -> Figures:
    """Return the percentage of births of a year, on a policy with a woman, on whose day such a woman gives birth."""
    first = pl.lit(sample.feed.start_date)
    people = sample.lake.read(ENROLLMENT).select("patient_id", "gender", "birth_date")
    spans = sample.spans().join(people, on="patient_id")
    births = spans.filter(
        pl.col("birth_date").is_between(first, first.dt.offset_by("1y"), closed="left"),
        pl.col("coverage_start_date") == pl.col("birth_date"),
        pl.col("relationship") == "child",
    ).select("subscriber_id", "birth_date", child="patient_id")
    age = (pl.col("birth_date") - pl.col("born")).dt.total_days() / 365.25
    mothers = births.join(spans.rename({"birth_date": "born"}), on="subscriber_id").filter(
        pl.col("gender") == "female",
        pl.col("relationship") != "child",
        age.is_between(*MOTHERS),
        pl.col("coverage_start_date") <= pl.col("birth_date"),
        pl.col("coverage_end_date") >= pl.col("birth_date"),
    )
    days = _deliveries(sample).select("patient_id", "birth_date").unique().with_columns(is_billed=True)
    billed = (
        mothers.join(days, on=["patient_id", "birth_date"], how="left")
        .group_by("child")
        .agg(pl.col("is_billed").any(ignore_nulls=True))
    )
    return {"births": share_of(billed, pl.col("is_billed"))}


def _deliveries(sample: Sample) -> pl.DataFrame:
    """Return the deliveries: `patient_id`, `birth_date`, `is_cesarean`."""
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    has = {
        name: codes.list.eval(pl.element().is_in(wanted)).list.any()
        for name, wanted in (("is_delivery", VAGINAL + CESAREAN), ("is_cesarean", CESAREAN))
    }
    return (
        sample.claims.filter(has["is_delivery"])
        .select("patient_id", has["is_cesarean"].alias("is_cesarean"), birth_date="claim_start_date")
        .collect()
    )
