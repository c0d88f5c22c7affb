"""Checks of a patient's or practitioner's claims together: what no single claim shows.

They look at the current version of claims that are not cancelled, over the days that are checked.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality.chunk import current, found
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, PRACTITIONERS

NEW_PATIENT_CODES = ("99202", "99203", "99204", "99205", "99381", "99382", "99383", "99384", "99385", "99386", "99387")
NEW_AFTER_DAYS = 1095
"""A patient is new to a practice and specialty after three years (CPT, Evaluation and Management guidelines)."""

VISIT_LEVELS = {"99211": 1, "99212": 2, "99213": 3, "99214": 4, "99215": 5}
FEWEST_VISITS, FEWEST_PEERS = 20, 5
LEVEL_SCORE, LEAST_HIGHEST_SHARE = 3.5, 0.6
"""Robust z above which a mean level is far from the peers' (Iglewicz and Hoaglin), and a share of level 5 that no mix
of patients explains: by judgement."""


def new_patients_unknown(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """A patient who is billed as new was not seen by the practice and specialty within three years."""
    practices = _practitioners(lake).select("practitioner_id", practice=pl.struct("organization_id", "specialty"))
    keys = ["patient_id", "practice"]
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").is_in(NEW_PATIENT_CODES)).list.any()
    claims = (
        _current(lake, days, pl.col("claim_start_date").alias("service_date"), codes.fill_null(False).alias("is_new"))
        .join(practices, on="practitioner_id")
        .sort(*keys, "service_date")
        .with_columns(last=_before_the_day().over(keys))
        .filter(pl.col("is_new") & ((pl.col("service_date") - pl.col("last")).dt.total_days() < NEW_AFTER_DAYS))
    )
    return found("new_patients_unknown", "claims", claims, key="claim_id", detail=pl.format("seen on {}", "last"))


def _before_the_day() -> pl.Expr:
    """Return the last day of service before that of each row; a day may have several rows."""
    day = pl.col("service_date")
    return pl.when(day != day.shift(1)).then(day.shift(1)).forward_fill()


def services_apart(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No service comes again before its interval of service_intervals.csv is over."""
    intervals = (
        read_table("service_intervals")
        .filter(pl.col("checked") == 1)
        .rename({"days": "interval"})
        .with_columns(hcpcs_code=pl.col("codes").str.split(" "))
        .explode("hcpcs_code")
        .select("service", "hcpcs_code", "interval")
    )
    line = pl.element().struct.field
    wanted = pl.col("lines").list.eval(
        line("hcpcs_code").filter(line("hcpcs_code").is_in(intervals["hcpcs_code"].implode()))
    )
    keys = ["patient_id", "service"]
    services = (
        _current(lake, days, pl.col("claim_start_date").alias("service_date"), wanted.alias("hcpcs_code"))
        .explode("hcpcs_code", empty_as_null=False)
        .join(intervals, on="hcpcs_code")
        .sort(*keys, "service_date", "day", "claim_id")
    )
    gap = (pl.col("service_date") - pl.col("service_date").shift(1)).dt.total_days().over(keys)
    again = services.with_columns(gap=gap).filter(pl.col("gap") < pl.col("interval"))
    detail = pl.format("{} after {} days, not {}", "hcpcs_code", "gap", "interval")
    return found("services_apart", "claims", again, key="claim_id", detail=detail)


def visit_levels_like_peers(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """No practitioner bills established office visits at levels far above those of the specialty, in all or in a year.

    Far above: the mean level has a robust z, 0.6745 (mean - median) / median absolute deviation, beyond 3.5 among the
    practitioners of the specialty with 20 visits or more, of all specialties where the own one has fewer than five of
    them, and six visits in ten are of the highest level.
    """
    line = pl.element().struct.field
    levels = pl.col("lines").list.eval(line("hcpcs_code").replace_strict(VISIT_LEVELS, default=None)).list.max()
    year = pl.col("received_date").dt.year().alias("year")
    visits = _current(lake, days, levels.alias("level"), year).filter(pl.col("level").is_not_null())
    practitioners = _practitioners(lake)
    scored = pl.concat([_far_above(of, practitioners) for of in (visits.with_columns(year=pl.lit(0)), visits)])
    highest = scored.sort("score", descending=True).unique("practitioner_id", keep="first", maintain_order=True)
    when = pl.when(pl.col("year") == 0).then(pl.lit("all years")).otherwise(pl.col("year").cast(pl.String))
    mean, score = pl.col("mean").round(2), pl.col("score").round(1)
    detail = pl.format("mean level {} in {} visits of {}, robust z {}", mean, "visits", when, score)
    return found(
        "visit_levels_like_peers", "practitioners", highest, key="practitioner_id", detail=detail, has_day=False
    )


def _far_above(visits: pl.DataFrame, practitioners: pl.DataFrame) -> pl.DataFrame:
    """Return the practitioners whose levels are far above those of their peers in a year."""
    mean, of_specialty = pl.col("level").mean(), ["specialty", "year"]
    center, spread = pl.col("mean").median(), (pl.col("mean") - pl.col("mean").median()).abs().median()
    score = 0.6745 * (pl.col("mean") - center) / pl.max_horizontal(spread, pl.lit(0.01))
    is_small = pl.len().over(of_specialty) < FEWEST_PEERS
    return (
        visits.group_by("practitioner_id", pl.col("year").cast(pl.Int32))
        .agg(mean.alias("mean"), (pl.col("level") == 5).mean().alias("highest"), pl.len().alias("visits"))
        .filter(pl.col("visits") >= FEWEST_VISITS)
        .join(practitioners, on="practitioner_id")
        .with_columns(
            peers=pl.when(is_small).then(pl.len().over("year")).otherwise(pl.len().over(of_specialty)),
            score=pl.when(is_small).then(score.over("year")).otherwise(score.over(of_specialty)),
        )
        .filter(
            (pl.col("peers") >= FEWEST_PEERS)
            & (pl.col("score") > LEVEL_SCORE)
            & (pl.col("highest") > LEAST_HIGHEST_SHARE)
        )
    )


def _practitioners(lake: Lake) -> pl.DataFrame:
    return lake.read(PRACTITIONERS).select("practitioner_id", "organization_id", "specialty")


def _current(lake: Lake, days: Sequence[date], *columns: pl.Expr) -> pl.DataFrame:
    """Return the last version of each claim that stands: its day, ids, and some columns."""
    ids = ("day", "claim_id", "claim_status", "version_number", "replaced_claim_id", "patient_id", "practitioner_id")
    return current(lake.scan(CLAIMS, days).select(*ids, *columns))
