"""Figures about time: how soon claims are received, and how they end."""

from datetime import timedelta

import polars as pl

from claims_pipeline.fidelity.estimate import Figures, share_of, shares
from claims_pipeline.fidelity.sample import RUN_OUT_MONTHS, Sample
from claims_pipeline.schema import CLAIMS

SETTLED_DAYS = 60


def completeness(sample: Sample) -> Figures:
    """Return the percentage of claims received by 0..3 calendar months after the service, but for replacements.

    It covers service months from the lake's first complete one, if at least four months of receipts follow them.
    """
    month = pl.col("claim_start_date").dt.year() * 12 + pl.col("claim_start_date").dt.month()
    received = pl.col("received_date").dt.year() * 12 + pl.col("received_date").dt.month()
    first = sample.start.year * 12 + sample.start.month + (sample.start.day > 1)
    last_whole = sample.end + timedelta(days=1)
    last = last_whole.year * 12 + last_whole.month - 1 - RUN_OUT_MONTHS
    waited = (
        sample.first_versions.filter(pl.col("replaced_claim_id").is_null())
        .select(month.alias("month"), (received - month).alias("waited"))
        .filter(pl.col("month") >= first, pl.col("month") <= last)
        .collect()
    )
    return {f"month {months}": share_of(waited, pl.col("waited") <= months) for months in range(4)}


def corrections(sample: Sample) -> Figures:
    """Return the percentage of claims that a replacement or a further active version puts right, once settled."""
    until = sample.end - timedelta(days=SETTLED_DAYS)
    versions = sample.lake.scan(CLAIMS).select("claim_id", "claim_status", "received_date", "replaced_claim_id")
    replaced = versions.select(claim_id="replaced_claim_id").drop_nulls().unique()
    settled = versions.filter(pl.col("received_date") <= until)
    corrected = settled.filter(pl.col("claim_status") == "active").group_by("claim_id").len().filter(pl.col("len") > 1)
    changed = pl.concat([replaced, corrected.select("claim_id")]).unique()
    counts = settled.select("claim_id").unique().join(changed.with_columns(is_changed=True), on="claim_id", how="left")
    return {"claims": share_of(counts.collect(), pl.col("is_changed").is_not_null())}


def final_status(sample: Sample) -> Figures:
    """Return the percentage in each status of the claims received at least 60 days before the lake's end."""
    until = sample.end - timedelta(days=SETTLED_DAYS)
    latest = (
        sample.lake.scan(CLAIMS)
        .filter(pl.col("received_date") <= until)
        .select("claim_id", "claim_status", "day")
        .sort("day")
        .group_by("claim_id")
        .agg(pl.col("claim_status").last())
        .collect()
    )
    return shares(latest, "claim_status", ["active", "cancelled", "draft"])
