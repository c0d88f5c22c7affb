"""Figures about charges: their concentration on few persons, and their ratio to Medicare's fees."""

import numpy as np
import polars as pl

from claims_pipeline.fidelity.estimate import Figures, exact, share_of_highest
from claims_pipeline.fidelity.sample import Sample
from claims_pipeline.reference import conversion_factors, read_table


def concentration(sample: Sample) -> Figures:
    """Return the percentage of all charges of the top 1 and 5 percent and the bottom half of all enrolled persons."""
    charges = sample.first_year.group_by("patient_id").agg(pl.col("total_charge_amount").cast(pl.Float64).sum())
    people = sample.members.select("patient_id").lazy().join(charges, on="patient_id", how="left").collect()
    amounts = people["total_charge_amount"].fill_null(0).to_numpy()
    if not amounts.any():
        return dict.fromkeys(("top 1 percent", "top 5 percent", "bottom half"))
    return {
        "top 1 percent": share_of_highest(amounts, 0.01),
        "top 5 percent": share_of_highest(amounts, 0.05),
        "bottom half": share_of_highest(-amounts, 0.5),
    }


def charge_ratios(sample: Sample) -> Figures:
    """Return quantiles over lines of the unit charge divided by Medicare's fee for the day, city and part."""
    procedures = read_table("procedures").select("hcpcs_code", "schedule", "medicare_fee_amount", "professional_share")
    cities = read_table("cities").select(facility_city="city", facility_state="state", cost_factor="cost_factor")
    line, factor = pl.col("lines").struct, conversion_factors
    lines = (
        sample.first_year.select("facility_city", "facility_state", "lines")
        .explode("lines")
        .select(
            "facility_city",
            "facility_state",
            line.field("hcpcs_code"),
            line.field("line_service_date"),
            line.field("modifiers").list.contains("26").alias("is_professional"),
            line.field("modifiers").list.contains("TC").alias("is_technical"),
            line.field("unit_charge_amount").cast(pl.Float64),
        )
        .join(procedures.lazy(), on="hcpcs_code")
        .join(cities.lazy(), on=["facility_city", "facility_state"])
        .collect()
    )
    days = lines["line_service_date"].to_physical().to_numpy().astype(np.int64)
    fee_year = np.array([np.datetime64("2023-01-01").astype(np.int64)])
    updates = {name: pl.Series(factor(days, name) / factor(fee_year, name)) for name in ("pfs", "anesthesia")}
    part = (
        pl.when("is_professional")
        .then("professional_share")
        .when("is_technical")
        .then(1 - pl.col("professional_share"))
        .otherwise(1.0)
    )
    fee = pl.col("medicare_fee_amount") * pl.col("cost_factor") * part
    updated = fee
    for name, update in updates.items():
        updated = pl.when(pl.col("schedule") == name).then(fee * pl.lit(update)).otherwise(updated)
    ratio = lines.select((pl.col("unit_charge_amount") / updated).alias("ratio"))["ratio"]
    return {name: exact(ratio.quantile(at)) for name, at in (("p10", 0.1), ("median", 0.5), ("p90", 0.9))}


def charge_trend(sample: Sample) -> Figures:
    """Return by how many percent the same services of the same practitioners cost more in the second year."""
    line, year = pl.col("lines").struct, pl.col("claim_start_date") >= sample.first_year_end
    prices = (
        sample.claims.filter(pl.col("claim_start_date").is_between(sample.start, sample.second_year_end, closed="left"))
        .select("practitioner_id", "facility_city", "lines", year=year.cast(pl.Int8))
        .explode("lines")
        .select(
            "practitioner_id",
            "facility_city",
            "year",
            line.field("hcpcs_code"),
            line.field("modifiers").list.sort().list.join(" ").alias("modifiers"),
            line.field("unit_charge_amount").cast(pl.Float64).alias("price"),
        )
        .group_by("practitioner_id", "facility_city", "hcpcs_code", "modifiers")
        .agg(
            first=pl.col("price").filter(pl.col("year") == 0).mean(),
            second=pl.col("price").filter(pl.col("year") == 1).mean(),
            count=pl.len(),
        )
        .drop_nulls()
        .select(first=(pl.col("first") * pl.col("count")).sum(), second=(pl.col("second") * pl.col("count")).sum())
        .collect()
    )
    first, second = prices.row(0)
    return {"the same service": exact(100 * (second / first - 1)) if first and sample.has_two_years else None}
