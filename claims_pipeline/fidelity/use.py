"""Figures about how much care members use: office and emergency visits a year, visits of new patients."""

import polars as pl

from claims_pipeline.fidelity.estimate import Estimate, Figures, exact, rate, share_of
from claims_pipeline.fidelity.members import KINDS
from claims_pipeline.fidelity.sample import EMERGENCY_VISIT, PRIMARY_CARE_TAXONOMY, Sample, covered_days
from claims_pipeline.schema import PLANS, PRACTITIONERS

DAYS_A_YEAR = 365.25
AGES = ((0, 0, "below 1"), (1, 17, "1 to 17"), (18, 44, "18 to 44"), (45, 64, "45 to 64"), (65, 120, "65 and over"))
ESTABLISHED_PATIENT, NEW_PATIENT = r"^(9921[1-5]|9939[1-7]|G0439)$", r"^(9920[2-5]|9938[1-7])$"
PEDIATRICS_TAXONOMY = "208000000X"


def claims_a_member(sample: Sample) -> Figures:
    """Return the claims for a member and year."""
    claims = sample.first_year.select(pl.len()).collect().item()
    return {"claims": rate(claims, float(_member_years(sample)["years"].sum()))}


def office_visits_a_member(sample: Sample) -> Figures:
    """Return the office visits for a member and year, of all and by age."""
    years = _member_years(sample).group_by("patient_id").agg(pl.col("age").first(), pl.col("years").sum())
    visits = sample.office_visits.group_by("patient_id").len("visits")
    members = years.join(visits, on="patient_id", how="left").fill_null(0)
    by_age = {name: _rate(members.filter(pl.col("age").is_between(first, last))) for first, last, name in AGES}
    return {"all ages": _rate(members)} | by_age


def emergency_visits_by_payer(sample: Sample) -> Figures:
    """Return the emergency visits for 1,000 members and a year, of all and by the kind of coverage."""
    emergency = sample.visits.filter(pl.col("code").str.contains(EMERGENCY_VISIT))
    visits = emergency.group_by("coverage_id").len("visits")
    members = _member_years(sample).join(visits, on="coverage_id", how="left").fill_null(0)
    by_kind = {kind: _rate(members.filter(pl.col("kind") == kind), 1000) for kind in sorted(set(KINDS.values()))}
    medicaid, employer = (by_kind[kind] for kind in ("medicaid", "employer"))
    against = medicaid.value / employer.value if medicaid and employer and employer.value else None
    return {"all": _rate(members, 1000), **by_kind, "medicaid against employer": exact(against)}


def new_patients(sample: Sample) -> Figures:
    """Return the percentage of office visits of patients new to the practice, in primary care and with specialists."""
    taxonomy = sample.lake.read(PRACTITIONERS).select("practitioner_id", "taxonomy_code")
    visits = sample.office_visits.filter(pl.col("place") == "11").join(taxonomy, on="practitioner_id")
    is_new = pl.col("code").str.contains(NEW_PATIENT)
    counted = visits.filter(is_new | pl.col("code").str.contains(ESTABLISHED_PATIENT))
    is_primary = pl.col("taxonomy_code").is_in([*PRIMARY_CARE_TAXONOMY, PEDIATRICS_TAXONOMY])
    return {
        "primary care": share_of(counted.filter(is_primary), is_new),
        "specialists": share_of(counted.filter(~is_primary), is_new),
    }


def _member_years(sample: Sample) -> pl.DataFrame:
    """Return for each coverage the `years` of it within the first twelve months, with `kind` and `age`."""
    plans = sample.lake.read(PLANS).select("plan_id", kind=pl.col("plan_type").replace_strict(KINDS, default=None))
    spans = sample.spans("birth_date").filter(pl.col("coverage_order") == 1).join(plans, on="plan_id")
    days = covered_days(spans, sample.start, sample.first_year_end)
    middle = pl.lit(sample.start).dt.offset_by("6mo")
    age = ((middle - pl.col("birth_date")).dt.total_days() / DAYS_A_YEAR).floor().clip(lower_bound=0)
    return days.select("patient_id", "coverage_id", "kind", age=age.cast(pl.Int32), years=pl.col("days") / DAYS_A_YEAR)


def _rate(members: pl.DataFrame, for_members: int = 1) -> Estimate | None:
    return rate(float(members["visits"].sum()), float(members["years"].sum()) / for_members)
