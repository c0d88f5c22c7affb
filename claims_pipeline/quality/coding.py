"""Checks of the rules of reference/data/coding_rules.csv: which codes, modifiers and plans go together on a claim."""

from collections.abc import Sequence
from functools import cache

import polars as pl

from claims_pipeline.quality.chunk import Chunk, found
from claims_pipeline.reference import read_table

CLAIM = ["day", "claim_id"]


def diagnoses_followed(chunk: Chunk) -> pl.DataFrame:
    """A diagnosis that another must follow, such as I12 before N18, stands before one of those."""
    firsts, others = _sides(chunk.diagnoses, "diagnosis_code", "followed_by")
    followed = firsts.join(others, on=[*CLAIM, "rule"], suffix="_other").filter(
        pl.col("position_other") > pl.col("position")
    )
    rows = firsts.join(followed, on=[*CLAIM, "rule", "position"], how="anti")
    detail = pl.format("{} without {}", "diagnosis_code", "others")
    return _found("diagnoses_followed", rows, detail)


def diagnoses_together(chunk: Chunk) -> pl.DataFrame:
    """No claim has two diagnoses that exclude each other."""
    firsts, others = _sides(chunk.diagnoses, "diagnosis_code", "not_with_diagnosis")
    rows = firsts.join(others, on=[*CLAIM, "rule"], suffix="_other")
    return _found("diagnoses_together", rows, pl.format("{} with {}", "diagnosis_code", "diagnosis_code_other"))


def procedures_together(chunk: Chunk) -> pl.DataFrame:
    """No claim has two procedures that exclude each other, unless a modifier says that they are separate."""
    firsts, others = _sides(chunk.coded_lines, "hcpcs_code", "not_with_procedure")
    both = firsts.join(others, on=[*CLAIM, "rule"], suffix="_other")
    allowed = pl.col("unless_modifiers").fill_null("").str.split(" ")
    is_separate = pl.col("modifiers").list.concat("modifiers_other").list.set_intersection(allowed).list.len() > 0
    detail = pl.format("{} with {}", "hcpcs_code", "hcpcs_code_other")
    return _found("procedures_together", both.filter(~is_separate), detail)


def procedures_accompanied(chunk: Chunk) -> pl.DataFrame:
    """An add-on code, a vaccine and an administration stand with the procedure that they need."""
    firsts, others = _sides(chunk.coded_lines, "hcpcs_code", "needs_procedure")
    rows = firsts.join(others, on=[*CLAIM, "rule"], how="anti")
    return _found("procedures_accompanied", rows, pl.format("{} without {}", "hcpcs_code", "others"))


def modifiers_present(chunk: Chunk) -> pl.DataFrame:
    """A line has the modifier that its code needs at its place: the side, QW, GP, 95."""
    lines = _lines_of(chunk, "needs_modifier")
    at_place = pl.col("places").is_null() | pl.col("places").str.split(" ").list.contains(
        pl.col("place_of_service_code")
    )
    has_one = pl.col("modifiers").list.set_intersection(pl.col("others").str.split(" ")).list.len() > 0
    rows = lines.filter(at_place & ~has_one)
    return _found("modifiers_present", rows, pl.format("{} without {}", "hcpcs_code", "others"))


def procedures_fit_diagnoses(chunk: Chunk) -> pl.DataFrame:
    """A line points to a diagnosis that its code needs, and to none that its code excludes."""
    parts = []
    for kind, is_wrong in (("needs_diagnosis", ~pl.col("is_there")), ("not_for_diagnosis", pl.col("is_there"))):
        lines = _lines_of(chunk, kind).with_columns(is_there=_any_begins_with("pointed_diagnoses", "others"))
        parts.append(lines.filter(is_wrong))
    detail = pl.format("{} for {}", "hcpcs_code", pl.col("pointed_diagnoses").list.join(" "))
    return _found("procedures_fit_diagnoses", pl.concat(parts), detail)


def procedures_fit_plan(chunk: Chunk) -> pl.DataFrame:
    """Codes that are made for Medicare go to Medicare, and those that Medicare replaces with them do not."""
    is_listed = pl.col("others").str.split(" ").list.contains(pl.col("plan_type"))
    concerns = pl.col("with_diagnosis").is_null() | _any_begins_with("pointed_diagnoses", "with_diagnosis")
    wrong = [
        _lines_of(chunk, kind).filter(is_wrong & concerns & pl.col("plan_type").is_not_null())
        for kind, is_wrong in (("only_for_plans", ~is_listed), ("not_for_plans", is_listed))
    ]
    return _found("procedures_fit_plan", pl.concat(wrong), pl.format("{} for {}", "hcpcs_code", "plan_type"))


def units_possible(chunk: Chunk) -> pl.DataFrame:
    """A service that is given once or a few times a day is not billed in more units."""
    most = pl.col("others").cast(pl.Int32)
    rows = _lines_of(chunk, "most_units").filter(pl.col("unit_count") > most)
    return _found("units_possible", rows, pl.format("{} units of {}", "unit_count", "hcpcs_code"))


@cache
def coding_rules(kind: str) -> pl.DataFrame:
    """Return the rules of a kind, each with its number `rule`."""
    dates = [pl.col(name).cast(pl.String).str.to_date() for name in ("from_date", "to_date")]
    texts = [
        pl.col(name).cast(pl.String) for name in ("code", "others", "places", "with_diagnosis", "unless_modifiers")
    ]
    return read_table("coding_rules").with_row_index("rule").with_columns(dates + texts).filter(pl.col("kind") == kind)


def _sides(rows: pl.DataFrame, column: str, kind: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows with a code of a rule of the kind, and those with one of the rule's others."""
    sides = [_ruled(rows, column, kind, side) for side in ("code", "others")]
    return sides[0], sides[1]


def _lines_of(chunk: Chunk, kind: str) -> pl.DataFrame:
    return _ruled(chunk.coded_lines, "hcpcs_code", kind, "code")


def _ruled(rows: pl.DataFrame, column: str, kind: str, side: str) -> pl.DataFrame:
    """Return the rows whose code begins with one that a rule in force lists on that side, with the rule."""
    rules = coding_rules(kind)
    listed = rules.select("rule", begin=pl.col(side).str.split(" ")).explode("begin", empty_as_null=False)
    codes = rows.select(pl.col(column).unique().drop_nulls())
    applied = codes.join(listed, how="cross").filter(pl.col(column).str.starts_with(pl.col("begin")))
    named = applied.select(column, "rule").unique().join(rules.drop("kind", "code", "source"), on="rule")
    on = pl.col("service_date")
    in_force = (on >= pl.col("from_date")).fill_null(True) & (on <= pl.col("to_date")).fill_null(True)
    return rows.join(named, on=column).filter(in_force)


def _any_begins_with(codes: str, begins: str) -> pl.Expr:
    """Return whether one of the codes of a list begins with one of some texts with spaces between."""
    pattern = pl.lit("(^| )(") + pl.col(begins).str.replace_all(".", r"\.", literal=True).str.replace_all(" ", "|")
    return pl.col(codes).list.join(" ").str.contains(pattern + pl.lit(")"))


def _found(check: str, rows: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    columns: Sequence[str] = [*CLAIM, "detail"]
    distinct = rows.with_columns(detail.alias("detail")).unique(columns)
    return found(check, "claims", distinct, key="claim_id", detail=pl.col("detail"))
