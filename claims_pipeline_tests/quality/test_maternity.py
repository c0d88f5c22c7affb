"""Faults of deliveries are found."""

from datetime import date, timedelta

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS, PATIENTS

from .conftest import FEED


def active(lake: Lake, gender: str) -> pl.DataFrame:
    """Return an active claim of the first day, whose patient becomes a person of 30 years and a sex."""
    day = FEED.start_date
    claim = lake.read(CLAIMS, day).filter(pl.col("claim_status") == "active").head(1)
    is_patient = pl.col("patient_id") == claim["patient_id"][0]
    with lake.writer() as writer:
        writer.add(
            PATIENTS,
            lake.read(PATIENTS, day).with_columns(
                gender=pl.when(is_patient).then(pl.lit(gender)).otherwise("gender"),
                birth_date=pl.when(is_patient).then(pl.lit(date(1995, 1, 1))).otherwise("birth_date"),
            ),
            day,
        )
    return claim


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


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("gender", "codes", "expected"),
    [("female", ("O80", "Z37.0"), []), ("female", ("O80",), ["outcome"]), ("male", ("O80", "Z37.0"), ["mother"])],
)
def test_a_delivery_is_of_a_mother_and_names_the_outcome(
    lake: Lake, gender: str, codes: tuple[str, ...], expected: list[str]
) -> None:
    claim = as_delivery(active(lake, gender), *codes)
    replace(lake, claim)
    assert details(lake, "deliveries_complete") == [(claim["claim_id"][0], what) for what in expected]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("days", "code", "modifiers", "is_found"),
    [
        (150, "59400", [], True),
        (150, "59514", [], True),
        (200, "59400", [], False),
        (0, "59410", [], False),
        (1, "59514", ["80"], False),
    ],
    ids=["another birth", "another code", "after half a year", "the same day", "an assistant"],
)
def test_two_deliveries_within_half_a_year_are_found(
    lake: Lake, days: int, code: str, modifiers: list[str], is_found: bool
) -> None:
    claim = as_delivery(active(lake, "female"), "O80", "Z37.0")
    changed = pl.element().struct.with_fields(hcpcs_code=pl.lit(code), modifiers=pl.lit(pl.Series([modifiers])).first())
    before = claim.with_columns(
        pl.lit("claim-20250303-999999").alias("claim_id"),
        lines=pl.col("lines").list.eval(changed),
        claim_start_date=pl.lit(claim["claim_start_date"][0] - timedelta(days=days)),
    ).cast(claim.schema)
    replace(lake, claim)
    replace(lake, before)
    found = [claim["claim_id"][0]] if is_found else []
    assert [claim_id for claim_id, _ in details(lake, "deliveries_apart")] == found
    assert not {claim["claim_id"][0], before["claim_id"][0]} & {id_ for id_, _ in details(lake, "services_apart")}
