"""Checks of claims that replace or void others: frequency codes, and the claims that replacements name."""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from claims_pipeline.lake import Lake, read_feed
from claims_pipeline.quality.chunk import FINDING, Chunk, found
from claims_pipeline.schema import CLAIMS

REPLACEMENT, VOID = "7", "8"
FREQUENCIES = ("1", REPLACEMENT, VOID)


def frequency_fits_claim(chunk: Chunk) -> pl.DataFrame:
    """A frequency code is 1, 7 or 8; a replacement, and no other claim, names another; what is void is cancelled."""
    code, names_one = pl.col("claim_frequency_code"), pl.col("replaced_claim_id").is_not_null()
    wrong = (
        ~code.is_in(FREQUENCIES)
        | ((code == REPLACEMENT) != names_one)
        | ((code == VOID) & (pl.col("claim_status") != "cancelled"))
    )
    rows = chunk.claims.filter(wrong.fill_null(True))
    return found("frequency_fits_claim", "claims", rows, key="claim_id", detail=pl.format("frequency code {}", code))


def replaced_claims_cancelled(lake: Lake, days: Sequence[date]) -> pl.DataFrame:
    """A replacement names a claim of the same patient that was received before and is cancelled by then.

    A claim that is not in the lake counts only if the lake has all days of its feed until the replacement; one that is
    not cancelled, only if the lake has all days from its last version to the replacement: days may come in any order.
    """
    columns = ["claim_id", "patient_id", "day"]
    named = pl.col("replaced_claim_id")
    replacing = lake.scan(CLAIMS, days).filter(named.is_not_null()).select(*columns, named).collect(engine="streaming")
    if replacing.is_empty():
        return FINDING.to_frame()
    ids = replacing.lazy().select(claim_id=named).unique()
    originals = (
        lake.scan(CLAIMS)
        .select(*columns, "claim_status", "version_number")
        .join(ids, on="claim_id", how="semi")
        .collect(engine="streaming")
    )
    last = (
        replacing.join(originals, left_on="replaced_claim_id", right_on="claim_id", how="left", suffix="_named")
        .with_columns(is_before=(pl.col("day_named") <= pl.col("day")).fill_null(False))
        .sort("is_before", "day_named", "version_number", nulls_last=False)
        .unique("claim_id", keep="last", maintain_order=True)
    )
    is_missing = pl.col("day_named").is_null()
    places = {day: place for place, day in enumerate(lake.days(CLAIMS))}
    place, place_named = (pl.col(name).replace_strict(places, default=None) for name in ("day", "day_named"))
    has_days_between = place - place_named == (pl.col("day") - pl.col("day_named")).dt.total_days()
    wrong = pl.concat(
        last.filter(is_wrong).with_columns(why=pl.lit(why))
        for why, is_wrong in (
            ("not there", is_missing & (pl.col("day") <= _whole_until(lake))),
            ("received later", ~is_missing & ~pl.col("is_before")),
            ("of another patient", pl.col("patient_id") != pl.col("patient_id_named")),
            ("not cancelled", pl.col("is_before") & has_days_between & (pl.col("claim_status") != "cancelled")),
        )
    )
    detail = pl.format("{} is {}", "replaced_claim_id", "why")
    return found("replaced_claims_cancelled", "claims", wrong, key="claim_id", detail=detail)


def _whole_until(lake: Lake) -> date:
    """Return the last day until which the lake has all days of its feed, one before the feed's first if none."""
    feed, days = read_feed(lake.root), set(lake.days(CLAIMS))
    day = feed.start_date if feed else min(days)
    while day in days:
        day += timedelta(days=1)
    return day - timedelta(days=1)
