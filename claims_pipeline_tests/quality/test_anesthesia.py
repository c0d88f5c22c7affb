"""Anesthesia without a procedure is found."""

import polars as pl

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
