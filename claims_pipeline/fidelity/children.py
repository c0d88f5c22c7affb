"""Figures about families: children, dependents, births, visits of healthy children."""

import polars as pl

from claims_pipeline.fidelity.estimate import Figures, rate, share, share_of
from claims_pipeline.fidelity.members import KINDS
from claims_pipeline.fidelity.sample import ADULT, Sample
from claims_pipeline.schema import ENROLLMENT, PLANS

WELL_CHILD = r"^993(8[1-5]|9[1-5])$"
"""Preventive visits below 40 years (CPT), as HEDIS counts them for children."""
W30_MONTHS, W30_VISITS = 15, 6
WCV_AGES = (3, 17)
RUN_OUT = "120d"
"""Claims of visits so long before the last day are in the lake but for a few."""


def family_members(sample: Sample) -> Figures:
    """Return the percentage of children, of those with Medicaid, and of dependents in employers' plans."""
    members = _members(sample)
    children = members.filter(pl.col("age") < ADULT)
    employer = members.filter(pl.col("kind") == "employer")
    return {
        "children": share_of(members, pl.col("age") < ADULT),
        "Medicaid and CHIP, of children": share_of(children, pl.col("kind") == "medicaid"),
        "dependents, of those with employers' plans": share_of(employer, pl.col("relationship") != "self"),
    }


def births(sample: Sample) -> Figures:
    """Return the births of members within a year per 1,000 members of the first day."""
    first = pl.lit(sample.feed.start_date)
    since = pl.col("spans").list.eval(pl.element().struct.field("coverage_start_date")).list.min()
    born = sample.lake.read(ENROLLMENT).filter(
        pl.col("birth_date") >= first, pl.col("birth_date") < first.dt.offset_by("1y"), since == pl.col("birth_date")
    )
    return {"births": rate(born.height, sample.members.height / 1000)}


def well_child_visits(sample: Sample) -> Figures:
    """Return the percentage of children with the visits of HEDIS's W30 (six in 15 months) and WCV (one in the year)."""
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").str.contains(WELL_CHILD)).list.any()
    visits = sample.claims.filter(codes).select("patient_id", day="claim_start_date").unique()
    first, last = pl.lit(sample.start), pl.lit(sample.end)
    people = sample.lake.read(ENROLLMENT).select("patient_id", "birth_date", "spans")
    stays = people.with_columns(
        since=pl.col("spans").list.eval(pl.element().struct.field("coverage_start_date")).list.min(),
        until=pl.col("spans").list.eval(pl.element().struct.field("coverage_end_date")).list.max(),
    )
    until = pl.col("birth_date").dt.offset_by(f"{W30_MONTHS}mo")
    infants = stays.filter(
        pl.col("birth_date") >= first, until.dt.offset_by(RUN_OUT) <= last, pl.col("until") >= until
    ).lazy()
    counted = (
        infants.join(visits, on="patient_id", how="left")
        .group_by("patient_id")
        .agg((pl.col("day") <= until).sum().alias("visits"))
        .collect()
    )
    year_end = first.dt.offset_by("1y")
    age = (first.dt.year() - pl.col("birth_date").dt.year()).cast(pl.Int32)
    children = stays.filter(age.is_between(*WCV_AGES), pl.col("since") <= first, pl.col("until") >= year_end).lazy()
    of_year = visits.filter(pl.col("day") >= first, pl.col("day") < year_end)
    seen = children.join(of_year, on="patient_id", how="semi").select(pl.len()).collect().item()
    count = children.select(pl.len()).collect().item()
    return {
        "six or more in the first 15 months": share_of(counted, pl.col("visits") >= W30_VISITS),
        "one or more a year, 3 to 17": share(seen, count),
    }


def _members(sample: Sample) -> pl.DataFrame:
    """Return the members on the feed's first day: `age`, `kind` and `relationship` to the subscriber."""
    first = pl.lit(sample.feed.start_date)
    spans = (
        sample.spans()
        .filter(
            pl.col("coverage_order") == 1,
            pl.col("coverage_start_date") <= first,
            pl.col("coverage_end_date") >= first,
        )
        .join(sample.lake.read(PLANS).select("plan_id", "plan_type"), on="plan_id")
    )
    kind = pl.col("plan_type").replace_strict(KINDS, default=None).alias("kind")
    return sample.members.select("patient_id", "age").join(
        spans.select("patient_id", "relationship", kind), on="patient_id"
    )
