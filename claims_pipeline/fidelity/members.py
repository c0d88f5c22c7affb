"""Figures about the population: coverage, Medicare by age, chronic conditions."""

import polars as pl

from claims_pipeline.fidelity.estimate import Estimate, Figures, share_of, shares
from claims_pipeline.fidelity.sample import Sample

KINDS = {
    "ppo": "employer",
    "hmo": "employer",
    "high_deductible": "employer",
    "marketplace": "marketplace",
    "medicare": "medicare",
    "medicare_advantage": "medicare",
    "medicaid": "medicaid",
}
CONDITIONS = {
    "hypertension": r"^I1[0-3]",
    "hyperlipidemia": r"^E78",
    "ischemic heart disease": r"^I2[0-5]",
    "diabetes": r"^E(0[89]|1[0-3])",
    "chronic kidney disease": r"^N18",
    "depression": r"^F3[23]",
    "hypothyroidism": r"^E03",
    "heart failure": r"^I(50|11\.0|13\.[02])",
}
"""ICD-10-CM codes of the conditions, after the CMS Chronic Conditions algorithms (2019)."""


def disabled_use(sample: Sample) -> Figures:
    """Return the claims a year of members below 65 with Medicare, divided by those of others, None without any."""
    claims = sample.first_year.group_by("patient_id").len().collect()
    members = sample.members.join(claims, on="patient_id", how="left").with_columns(pl.col("len").fill_null(0))
    is_disabled = pl.col("plan_type").is_in(["medicare", "medicare_advantage"]) & (pl.col("age") < 65)
    disabled, others = (members.filter(which)["len"] for which in (is_disabled, ~is_disabled))
    mean, of_others = (float(counts.mean() or 0) for counts in (disabled, others))  # type: ignore[arg-type]
    if not of_others or not mean:
        return {"claims": None}
    spread = float(disabled.std() or 0) / mean  # type: ignore[arg-type]
    return {"claims": Estimate(mean / of_others, mean / of_others * spread / len(disabled) ** 0.5)}


def coverage(sample: Sample) -> Figures:
    """Return the percentage of adults in each kind of coverage on the feed's first day."""
    members = sample.adults.with_columns(pl.col("plan_type").replace_strict(KINDS, default=None).alias("kind"))
    advantage = shares(members.filter(pl.col("kind") == "medicare"), "plan_type", ["medicare_advantage"])
    found = shares(members, "kind", ["employer", "medicare", "medicaid", "marketplace"])
    return {**found, "Medicare Advantage of all Medicare": advantage["medicare_advantage"]}


def medicare_by_age(sample: Sample) -> Figures:
    """Return the percentage of adults with Medicare, by age."""
    has_medicare = pl.col("plan_type").is_in(["medicare", "medicare_advantage"])
    older = pl.col("age") >= 65
    return {
        "65 and over": share_of(sample.adults.filter(older), has_medicare),
        "below 65": share_of(sample.adults.filter(~older), has_medicare),
    }


def enrolled_conditions(sample: Sample) -> Figures:
    """Return the percentage of those 65 and over who have each condition."""
    return _with_conditions(sample.members.filter(pl.col("age") >= 65), pl.col("condition_codes"))


def coded_conditions(sample: Sample) -> Figures:
    """Return the percentage of those 65 and over with each condition on a claim of the first twelve months."""
    coded = (
        sample.first_year.select("patient_id", pl.col("diagnosis_codes"))
        .explode("diagnosis_codes")
        .unique()
        .group_by("patient_id")
        .agg("diagnosis_codes")
        .collect()
    )
    older = sample.members.filter(pl.col("age") >= 65).join(coded, on="patient_id", how="left")
    return _with_conditions(older, pl.col("diagnosis_codes").fill_null([]))


def _with_conditions(members: pl.DataFrame, codes: pl.Expr) -> Figures:
    return {
        name: share_of(members, codes.list.eval(pl.element().str.contains(pattern)).list.any().fill_null(False))
        for name, pattern in CONDITIONS.items()
    }
