"""Strategies that draw rows of the lake's tables: any text where text stands, any allowed code where a code stands."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from claims_pipeline import schema
from claims_pipeline.reference import diagnosis_labels, procedure_labels
from claims_pipeline_tests import defaults

WORDS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12).filter(lambda text: text.strip())
IDS = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
CODES = st.from_regex(r"[A-Z0-9]{1,10}", fullmatch=True)
DATES = st.dates(date(1900, 1, 1), date(2100, 1, 1))
AMOUNTS = st.decimals(Decimal(0), Decimal("9999999999.99"), places=2)
ICD_10_CM = st.sampled_from(sorted(diagnosis_labels())) | st.from_regex(
    r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?", fullmatch=True
)
HCPCS = st.sampled_from(sorted(procedure_labels())) | st.from_regex(r"[A-Z0-9][0-9]{4}", fullmatch=True)

LINES = st.fixed_dictionaries(
    {
        "claim_line_number": st.integers(1, 50),
        "hcpcs_code": HCPCS,
        "modifiers": st.none() | st.lists(st.from_regex(r"[A-Z0-9]{2}", fullmatch=True), max_size=4),
        "diagnosis_pointers": st.none() | st.lists(st.integers(1, 12), max_size=4),
        "line_service_date": DATES,
        "place_of_service_code": st.from_regex(r"[0-9]{2}", fullmatch=True),
        "unit_count": st.integers(1, 999),
        "unit_charge_amount": AMOUNTS,
        "charge_amount": AMOUNTS,
    }
)

SPECIAL = {
    "npi": st.from_regex(r"9[0-9]{9}", fullmatch=True),
    "billing_npi": st.from_regex(r"9[0-9]{9}", fullmatch=True),
    "rendering_npi": st.from_regex(r"9[0-9]{9}", fullmatch=True),
    "gender": st.sampled_from(["female", "male"]),
    "place_of_service_code": st.from_regex(r"[0-9]{2}", fullmatch=True),
    "specialty": st.just("family_medicine") | WORDS,
    "plan_type": st.sampled_from(["ppo", "hmo", "medicaid"]) | WORDS,
    "plan_id": IDS,
    "plan_name": st.none() | st.just("  ") | WORDS,
    "member_id": st.none() | WORDS,
    "coverage_end_date": st.none() | DATES,
    "relationship": st.sampled_from(["self", "spouse", "child"]),
    "dependent_number": st.none() | st.integers(0, 9),
    "coverage_order": st.none() | st.integers(1, 2),
    "death_date": st.none() | DATES,
    "claim_status": st.sampled_from(["active", "cancelled", "draft"]),
    "replaced_claim_id": st.none() | IDS,
    "patient_name": st.none() | WORDS,
    "facility_city": st.none() | WORDS,
    "facility_state": st.none() | WORDS,
    "diagnosis_codes": st.none() | st.lists(ICD_10_CM, max_size=5),
    "lines": st.none() | st.lists(LINES, max_size=5),
}


def column_values(column: schema.Column) -> st.SearchStrategy[Any]:
    """Return what a column may hold."""
    if column.name in SPECIAL:
        return SPECIAL[column.name]
    if column.name.endswith("_id"):
        return IDS
    if column.name.endswith("_code") and column.dtype == schema.TEXT:
        return CODES
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        schema.TEXT: WORDS,
        schema.DATE: DATES,
        schema.INTEGER: st.integers(1, 9),
        schema.USD: AMOUNTS,
    }
    return by_type.get(column.dtype, st.none())


def rows(table: schema.Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return lists of rows of `table`."""
    row = st.fixed_dictionaries({column.name: column_values(column) for column in table.columns})
    return st.lists(row, max_size=4)


def frame(table: schema.Table, drawn: list[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as a frame of the table's columns, with defaults for those that a row does not name."""
    return defaults.frame(table, drawn)
