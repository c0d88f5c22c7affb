"""Figures about services that come at an interval, measured as HEDIS measures them."""

from datetime import date, timedelta

import polars as pl

from claims_pipeline.fidelity.estimate import Estimate, Figures, share
from claims_pipeline.fidelity.sample import Sample, age_on, covered_days
from claims_pipeline.schema import ENROLLMENT

LONGEST_GAP = 45
"""Days of a year without coverage that HEDIS allows."""
MAMMOGRAM, HEMOGLOBIN, INFLUENZA_VACCINE = r"^7706[57]$", r"^8303[67]$", r"^906(5[3-8]|6[12]|7[234]|8[25-8]|94|30)$"
COLONOSCOPY, STOOL_TEST = r"^(45(37[89]|38[0-9]|39[0-8])|G01(05|21))$", r"^(82270|82274|G0328)$"
SCREENED_AGES = (45, 75)


def mammograms(sample: Sample) -> Figures:
    """Return the percentage of women of 52 to 74, covered for two years, with a mammogram in them."""
    until = sample.second_year_end
    if not sample.has_two_years:
        return {"women of 52 to 74": None}
    women = _covered(sample, until).filter(pl.col("gender") == "female", pl.col("age").is_between(52, 74))
    return {"women of 52 to 74": _percent_with(sample, women, MAMMOGRAM, until)}


def hemoglobin_tests(sample: Sample) -> Figures:
    """Return the percentage of members of 18 to 75 with diabetes who have a hemoglobin A1c within the year."""
    has = pl.col("condition_codes").list.eval(pl.element().str.contains(r"^E1[01]")).list.any()
    until = sample.first_year_end
    diabetics = _covered(sample, until).filter(has, pl.col("age").is_between(18, 75))
    return {"with diabetes": _percent_with(sample, diabetics, HEMOGLOBIN, until)}


def influenza_vaccinations(sample: Sample) -> Figures:
    """Return the percentage of members with an influenza vaccination within the year, by age."""
    until = sample.first_year_end
    members = _covered(sample, until)
    return {
        name: _percent_with(sample, members.filter(pl.col("age").is_between(*ages)), INFLUENZA_VACCINE, until)
        for name, ages in (("65 and over", (65, 120)), ("18 to 64", (18, 64)))
    }


def colorectal_screening(sample: Sample) -> Figures:
    """Return the percentage of members of 45 to 75 who would be screened if all years were like the first.

    A colonoscopy counts for ten years and a stool test for one, as in HEDIS's COL.
    """
    members = sample.members.filter(pl.col("age").is_between(*SCREENED_AGES)).select("patient_id").lazy()
    codes = sample.first_year.select(
        "patient_id", code=pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    )
    services = codes.explode("code").unique().join(members, on="patient_id", how="semi")
    counts = services.group_by("code").len().collect()
    people = members.select(pl.len()).collect().item()
    if not people:
        return {"45 to 75": None}
    by_scope, by_test = (
        counts.filter(pl.col("code").str.contains(pattern))["len"].sum() / people
        for pattern in (COLONOSCOPY, STOOL_TEST)
    )
    without_scope = max(0.0, 1 - 10 * by_scope)
    error = 100 * ((10 * (1 - by_test)) ** 2 * by_scope + without_scope**2 * by_test) ** 0.5 / people**0.5
    return {"45 to 75": Estimate(100 * (1 - without_scope * (1 - by_test)), error)}


def _covered(sample: Sample, until: date) -> pl.DataFrame:
    """Return the members who are covered from the first day until before another one, but for short gaps.

    Their `age` is that of the last day, as HEDIS counts it.
    """
    spans = sample.spans().filter(pl.col("coverage_order") == 1)
    days = covered_days(spans, sample.start, until).group_by("patient_id").agg(pl.col("days").sum())
    years = (until - sample.start).days / 365
    enough = days.filter(pl.col("days") >= (until - sample.start).days - LONGEST_GAP * years)
    age = age_on(until - timedelta(days=1))
    people = sample.lake.read(ENROLLMENT).select("patient_id", "gender", age)
    return sample.members.drop("age").join(enough, on="patient_id", how="semi").join(people, on="patient_id")


def _percent_with(sample: Sample, members: pl.DataFrame, code: str, until: date) -> Estimate | None:
    """Return the percentage of members with a service of some codes before a day."""
    has = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").str.contains(code)).list.any()
    served = sample.claims.filter(
        pl.col("claim_start_date").is_between(sample.start, until, closed="left"), has
    ).select("patient_id")
    found = members.join(served.unique().collect(), on="patient_id", how="semi").height
    return share(found, members.height)
