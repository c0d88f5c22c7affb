"""Figures about how members change within a year: leaving, gaps, deaths, new conditions."""

import itertools

import polars as pl

from claims_pipeline.fidelity.estimate import Estimate, Figures, exact, share_of
from claims_pipeline.fidelity.members import KINDS
from claims_pipeline.fidelity.sample import Sample, covered_days, year_after
from claims_pipeline.schema import PLANS

DEATH_AGES = ((45, 64), (65, 74), (75, 84))
CHRONIC_AGES = (45, 64)


def members_of_first_day(sample: Sample) -> pl.DataFrame:
    """Return the members on the feed's first day: `age`, `kind`, and what became of them within a year.

    `has_both` is whether they have Medicaid beside Medicare, `has_left` whether they left the plan, `had_gap` whether
    they lost coverage in that year and had it again, `died` whether they died, `has_diabetes` and `gets_diabetes`
    whether they have it on the first day and begin to have it.
    """
    first, last = sample.feed.start_date, year_after(sample.feed.start_date)
    plans = sample.lake.read(PLANS).select("plan_id", "plan_type")
    spans = sample.spans("death_date", "conditions").join(plans, on="plan_id")
    covers = [(pl.col("coverage_start_date") <= day) & (pl.col("coverage_end_date") >= day) for day in (first, last)]
    both = spans.filter(covers[0], pl.col("coverage_order") == 2)["patient_id"].unique()
    spans = spans.filter(pl.col("coverage_order") == 1)
    until = spans.filter(covers[1]).select("patient_id", plan_later="plan_id")
    before = pl.col("coverage_end_date").shift().over("patient_id", order_by="coverage_start_date")
    back = spans.with_columns(before=before).filter(
        pl.col("before").is_between(first, last), pl.col("coverage_start_date") > pl.col("before").dt.offset_by("1d")
    )
    onset = (
        pl.col("conditions")
        .list.eval(pl.element().filter(pl.element().struct.field("condition") == "diabetes"))
        .list.first()
        .struct.field("onset_date")
    )
    return (
        sample.members.select("patient_id", "age", kind=pl.col("plan_type").replace_strict(KINDS, default=None))
        .join(spans.filter(covers[0]), on="patient_id")
        .join(until, on="patient_id", how="left")
        .with_columns(
            has_left=(pl.col("plan_later") != pl.col("plan_id")).fill_null(True),
            had_gap=pl.col("patient_id").is_in(back["patient_id"].unique().implode()),
            has_both=pl.col("patient_id").is_in(both.implode()),
            died=pl.col("death_date").is_between(first, last).fill_null(False),
            has_diabetes=(onset <= first).fill_null(False),
            gets_diabetes=onset.is_between(first, last).fill_null(False),
        )
    )


def turnover(members: pl.DataFrame) -> Figures:
    """Return the percentage of members with an employer's plan who leave it within a year."""
    return {"employer": share_of(members.filter(pl.col("kind") == "employer"), pl.col("has_left"))}


def gaps(members: pl.DataFrame) -> Figures:
    """Return the percentage of members with Medicaid who lose coverage and have it again within a year."""
    return {"medicaid": share_of(members.filter(pl.col("kind") == "medicaid"), pl.col("had_gap"))}


def member_months(sample: Sample) -> Figures:
    """Return the member days of the second year in percent of the first, and who is a member for part of the first."""
    start = sample.feed.start_date
    years = [start, year_after(start), year_after(year_after(start))]
    spans = sample.spans().filter(pl.col("coverage_order") == 1)
    first, second = (
        covered_days(spans, *bounds).group_by("patient_id").agg(pl.col("days").sum())
        for bounds in itertools.pairwise(years)
    )
    return {
        "second year against the first": exact(100 * int(second["days"].sum()) / of_first)
        if sample.has_two_years and (of_first := int(first["days"].sum()))
        else None,
        "members for part of the first year": share_of(first, pl.col("days") != (years[1] - years[0]).days),
    }


def dual_eligibles(members: pl.DataFrame) -> Figures:
    """Return the percentage of members with Medicare who have Medicaid too."""
    return {"medicare": share_of(members.filter(pl.col("kind") == "medicare"), pl.col("has_both"))}


def deaths(members: pl.DataFrame) -> Figures:
    """Return the deaths within a year per 1,000 members, by age."""
    return {
        f"{youngest} to {oldest}": _per_thousand(
            members.filter(pl.col("age").is_between(youngest, oldest)), pl.col("died")
        )
        for youngest, oldest in DEATH_AGES
    }


def new_conditions(members: pl.DataFrame) -> Figures:
    """Return how many of 1,000 members of 45 to 64 without diabetes begin to have it within a year."""
    without = members.filter(pl.col("age").is_between(*CHRONIC_AGES), ~pl.col("has_diabetes"))
    return {"diabetes, 45 to 64": _per_thousand(without, pl.col("gets_diabetes"))}


def _per_thousand(members: pl.DataFrame, holds: pl.Expr) -> Estimate | None:
    found = share_of(members, holds)
    return found and found.scaled(10)
