"""Figures about the population: coverage, Medicare by age, chronic conditions."""

import polars as pl

from claims_pipeline.fidelity.sample import Sample, shares

Figures = dict[str, float | None]

KINDS = {
    "ppo": "employer",
    "hmo": "employer",
    "high_deductible": "employer",
    "marketplace": "marketplace",
    "medicare": "medicare",
    "medicare_advantage": "medicare",
    "medicaid": "medicaid",
}
SCREENED_AGES = (45, 75)
COLONOSCOPY, STOOL_TEST = r"^(45(37[89]|38[0-9]|39[0-8])|G01(05|21))$", r"^(82270|82274|G0328)$"
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
    mean, of_others = (members.filter(which)["len"].mean() for which in (is_disabled, ~is_disabled))
    if not isinstance(mean, float) or not isinstance(of_others, float) or not of_others:
        return {"claims": None}
    return {"claims": mean / of_others}


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
    of_colonoscopy, of_test = (
        counts.filter(pl.col("code").str.contains(pattern))["len"].sum() / people
        for pattern in (COLONOSCOPY, STOOL_TEST)
    )
    return {"45 to 75": 100 * (1 - max(0.0, 1 - 10 * of_colonoscopy) * (1 - of_test))}


def coverage(sample: Sample) -> Figures:
    """Return the percentage of adults in each kind of coverage on the feed's first day."""
    members = sample.adults.with_columns(pl.col("plan_type").replace_strict(KINDS, default=None).alias("kind"))
    advantage = shares(members.filter(pl.col("kind") == "medicare"), "plan_type", ["medicare_advantage"])
    found = shares(members, "kind", ["employer", "medicare", "medicaid", "marketplace"])
    return found | {"Medicare Advantage of all Medicare": advantage["medicare_advantage"]}


def medicare_by_age(sample: Sample) -> Figures:
    """Return the percentage of adults with Medicare, by age."""
    has_medicare = pl.col("plan_type").is_in(["medicare", "medicare_advantage"]).mean() * 100
    older = pl.col("age") >= 65
    return {
        "65 and over": sample.adults.filter(older).select(has_medicare).item(),
        "below 65": sample.adults.filter(~older).select(has_medicare).item(),
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
    shares_of = {
        name: codes.list.eval(pl.element().str.contains(pattern)).list.any().fill_null(False).mean() * 100
        for name, pattern in CONDITIONS.items()
    }
    return members.select(**shares_of).row(0, named=True)
