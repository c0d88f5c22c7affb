"""Anesthesia without a procedure is found."""

from datetime import timedelta

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS

from .conftest import FEED


def with_lines(lake: Lake, code_of_claim: dict[str, str], **columns: pl.Expr) -> None:
    """Bill a code in all lines of some claims of the first day."""
    rows = lake.read(CLAIMS, FEED.start_date)
    changed = [
        rows.filter(pl.col("claim_id") == claim_id).with_columns(
            lines=pl.col("lines").list.eval(pl.element().struct.with_fields(hcpcs_code=pl.lit(code))), **columns
        )
        for claim_id, code in code_of_claim.items()
    ]
    others = rows.filter(~pl.col("claim_id").is_in(list(code_of_claim)))
    with lake.writer() as writer:
        writer.add(CLAIMS, pl.concat([others, *changed]).sort("claim_id"), FEED.start_date)


def found(lake: Lake) -> list[str]:
    return quality.findings(lake).filter(pl.col("check") == "anesthesia_with_procedure")["id"].to_list()


@pytest.mark.parametrize("code", ["01922", "00104", "00410", "01996"])
def test_anesthesia_that_is_not_for_surgery_is_not_judged(lake: Lake, code: str) -> None:
    with_lines(lake, {lake.read(CLAIMS, FEED.start_date)["claim_id"][0]: code})
    assert found(lake) == []


def test_labor_may_begin_on_the_day_before_the_birth(lake: Lake) -> None:
    rows = lake.read(CLAIMS, FEED.start_date)
    labor, birth = rows.unique("rendering_npi", maintain_order=True)["claim_id"][:2]
    mine = rows.filter(pl.col("claim_id") == labor)
    patient, day = pl.lit(mine["patient_id"][0]), mine["claim_start_date"][0]

    with_lines(lake, {labor: "01967"})
    with_lines(lake, {birth: "59400"}, patient_id=patient, claim_start_date=pl.lit(day + timedelta(days=1)))
    assert found(lake) == []
    with_lines(lake, {birth: "59400"}, patient_id=patient, claim_start_date=pl.lit(day + timedelta(days=2)))
    assert found(lake) == [labor]


@pytest.mark.heavy
def test_anesthesia_without_a_procedure_of_another_provider_is_found(lake: Lake) -> None:
    often = lake.scan(CLAIMS).group_by("patient_id").len().filter(pl.col("len") > 9).collect()
    one, other, *_ = lake.read(CLAIMS, FEED.start_date).join(often, on="patient_id", how="anti")["claim_id"]
    of_one = lake.read(CLAIMS, FEED.start_date).filter(pl.col("claim_id") == one)
    same = {name: pl.lit(of_one[name][0]) for name in ("patient_id", "claim_start_date")}

    with_lines(lake, {one: "00811"})
    assert found(lake) == [one]
    with_lines(lake, {other: "45385"}, **same)
    assert found(lake) == []
    with_lines(lake, {other: "45385"}, rendering_npi=pl.lit(of_one["rendering_npi"][0]))
    assert found(lake) == [one]
