"""Faults of deliveries are found."""

from datetime import timedelta

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS, PATIENTS

from .conftest import FEED

WOMAN = (pl.col("gender") == "female") & (pl.col("birth_date").dt.year().is_between(1985, 2000))


def active(lake: Lake, *, of_women: bool) -> pl.DataFrame:
    """Return the claims of the first day that are active, of young women or of men."""
    day = FEED.start_date
    women = lake.read(PATIENTS, day).filter(WOMAN if of_women else pl.col("gender") == "male")
    claims = lake.read(CLAIMS, day).filter(pl.col("claim_status") == "active")
    return claims.join(women, on="patient_id", how="semi")


def as_delivery(claims: pl.DataFrame, *codes: str) -> pl.DataFrame:
    line = pl.element().struct.with_fields(hcpcs_code=pl.lit("59400"))
    return claims.with_columns(
        lines=pl.col("lines").list.eval(line),
        diagnosis_codes=pl.lit(pl.Series([list(codes)])).first(),
    )


def replace(lake: Lake, row: pl.DataFrame) -> None:
    rows = lake.read(CLAIMS, FEED.start_date).filter(pl.col("claim_id") != row["claim_id"][0])
    with lake.writer() as writer:
        writer.add(CLAIMS, pl.concat([rows, row]).sort("claim_id"), FEED.start_date)


def details(lake: Lake, check: str) -> list[tuple[str, str]]:
    return quality.findings(lake).filter(pl.col("check") == check).select("id", "detail").rows()


@pytest.mark.parametrize(
    ("of_women", "codes", "expected"),
    [(True, ("O80", "Z37.0"), []), (True, ("O80",), ["outcome"]), (False, ("O80", "Z37.0"), ["mother"])],
)
def test_a_delivery_is_of_a_mother_and_names_the_outcome(
    lake: Lake, of_women: bool, codes: tuple[str, ...], expected: list[str]
) -> None:
    claim = as_delivery(active(lake, of_women=of_women).head(1), *codes)
    replace(lake, claim)
    assert details(lake, "deliveries_complete") == [(claim["claim_id"][0], what) for what in expected]


@pytest.mark.parametrize(("days", "is_found"), [(150, True), (200, False)])
def test_two_deliveries_within_half_a_year_are_found(lake: Lake, days: int, is_found: bool) -> None:
    claim = as_delivery(active(lake, of_women=True).head(1), "O80", "Z37.0")
    before = claim.with_columns(
        pl.lit("claim-20250303-999999").alias("claim_id"),
        claim_start_date=pl.lit(claim["claim_start_date"][0] - timedelta(days=days)),
    )
    replace(lake, claim)
    replace(lake, before)
    found = [claim["claim_id"][0]] if is_found else []
    assert [claim_id for claim_id, _ in details(lake, "deliveries_apart")] == found
