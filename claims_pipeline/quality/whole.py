"""Checks of some days of a lake as a whole: what no single day shows. They read few columns of all rows at once."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import current, found
from claims_pipeline.reference import DAILY_CARE_PATTERN
from claims_pipeline.schema import CLAIMS, COVERAGES


def versions_consecutive(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """The versions of a claim are numbered from 1 without gaps, as far as no day between them is missing."""
    is_same = pl.col("claim_id") == pl.col("claim_id").shift(1)
    expected = pl.when(is_same).then(pl.col("version_number").shift(1) + 1).otherwise(1)
    since = pl.when(is_same).then(pl.col("day").shift(1)).otherwise("received_date")
    apart = (
        lake.scan(CLAIMS, days)
        .select("day", "claim_id", "version_number", "received_date")
        .collect(engine="streaming")
        .unique(["claim_id", "day"], keep="first")
        .sort("claim_id", "day")
        .with_columns(expected=expected, since=since)
        .filter(pl.col("version_number") != pl.col("expected"))
    )
    runs = pl.DataFrame({"day": days}, schema={"day": pl.Date}).with_columns(
        run=(pl.col("day").diff().dt.total_days() > 1).fill_null(False).cum_sum()
    )
    of_one_run = apart.join(runs, on="day").join(runs.rename({"day": "since"}), on=["since", "run"], how="semi")
    detail = pl.format("version {} instead of {}", "version_number", "expected")
    return found("versions_consecutive", "claims", of_one_run, key="claim_id", detail=detail)


def coverages_apart(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No two coverages of a person overlap, but Medicaid beside another (dual eligibles)."""
    group = ["patient_id", "is_medicaid"]
    start = pl.col("coverage_start_date")
    latest_end = pl.col("coverage_end_date").fill_null(date.max).cum_max().shift(1).over(group)
    spans = (
        lake.scan(COVERAGES, days)
        .group_by("coverage_id")
        .agg(pl.col("day", "patient_id", "plan_type", "coverage_start_date", "coverage_end_date").sort_by("day").last())
        .with_columns(is_medicaid=pl.col("plan_type") == "medicaid")
        .sort(*group, "coverage_start_date", "coverage_end_date")
        .filter(latest_end >= start)
        .collect(engine="streaming")
    )
    detail = pl.format("begins {} before the one before it ends", start)
    return found("coverages_apart", "coverages", spans, key="coverage_id", detail=detail)


def member_numbers_unique(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No two people have one member number with a payer, but as members of a family with numbers of their own in it."""
    coverages = lake.scan(COVERAGES, days).filter(pl.col("member_id").is_not_null())
    shared = (
        coverages.group_by("payer_id", "member_id", "dependent_number")
        .agg(pl.col("patient_id").n_unique().alias("people"))
        .filter(pl.col("people") > 1)
    )
    rows = (
        coverages.join(shared, on=["payer_id", "member_id", "dependent_number"])
        .unique("coverage_id")
        .collect(engine="streaming")
    )
    return found("member_numbers_unique", "coverages", rows, key="coverage_id", detail="member_id of another person")


def claims_not_repeated(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No claim has the content of another: patient, provider, day, diagnoses and lines, unless it was cancelled.

    Modifiers 76 and 77 say that a procedure was repeated: such claims are not alike.
    """
    claims = _standing(lake, days)
    repeated = claims.with_columns(pl.col("claim_id").first().over("content").alias("first")).filter(
        pl.col("claim_id") != pl.col("first")
    )
    return found("claims_not_repeated", "claims", repeated, key="claim_id", detail=pl.format("as {}", "first"))


def claims_not_nearly_repeated(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No claim is another one again but for the level of the visit, modifiers or charges, unless it was cancelled.

    Claims of equal content are for `claims_not_repeated` to find.
    """
    claims = _standing(lake, days).unique("content", keep="first", maintain_order=True)
    repeated = claims.with_columns(pl.col("claim_id").first().over("outline").alias("first")).filter(
        pl.col("claim_id") != pl.col("first")
    )
    return found("claims_not_nearly_repeated", "claims", repeated, key="claim_id", detail=pl.format("like {}", "first"))


def claims_not_repeated_next_day(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No claim repeats the claim of the day before, except a cancelled one or care that is given day after day."""
    claims = _standing(lake, days).filter(~pl.col("is_daily")).sort("without_day", "service_date", maintain_order=True)
    before = claims.with_columns(
        pl.col("claim_id").shift(1).over("without_day").alias("first"),
        (pl.col("service_date") - pl.col("service_date").shift(1)).dt.total_days().over("without_day").alias("gap"),
    ).filter(pl.col("gap") == 1)
    detail = pl.format("as {} the day before", "first")
    return found("claims_not_repeated_next_day", "claims", before, key="claim_id", detail=detail)


def _standing(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """Return the claims that stand, in order of receipt: ids, and hashes of the content and its outline."""
    line = pl.element().struct.field
    modifiers = line("modifiers").list.join(" ").fill_null("")
    is_repeat = pl.col("lines").list.eval(modifiers.str.contains("76|77")).list.any()
    codes = pl.col("lines").list.eval(pl.concat_str(line("hcpcs_code"), modifiers, line("unit_count"), separator=" "))
    without_level = line("hcpcs_code").str.replace(r"^(99[23]\d)\d$", "${1}")
    day = pl.col("claim_start_date").cast(pl.String)
    visit = (
        "patient_id",
        "rendering_npi",
        day,
        pl.col("diagnosis_codes").list.join(" "),
    )
    billed = (codes.list.join(";"), pl.col("total_charge_amount").cast(pl.String))
    content = (*visit, *billed)
    without_day = (*(part for part in visit if part is not day), *billed)
    is_daily = (
        pl.col("lines").list.eval(line("hcpcs_code").str.contains(DAILY_CARE_PATTERN)).list.any().fill_null(False)
    )
    outline = (*visit, pl.col("lines").list.eval(without_level).list.join(";"))
    versions = (
        lake.scan(CLAIMS, days)
        .filter(~is_repeat.fill_null(False))
        .select(
            *("day", "claim_id", "claim_status", "version_number", "replaced_claim_id", "received_date"),
            service_date="claim_start_date",
            is_daily=is_daily,
            content=pl.concat_str(*content, separator="|", ignore_nulls=True).hash(),
            without_day=pl.concat_str(*without_day, separator="|", ignore_nulls=True).hash(),
            outline=pl.concat_str(*outline, separator="|", ignore_nulls=True).hash(),
        )
    )
    return current(versions).sort("received_date", "claim_id")  # the one received later is the repeat
