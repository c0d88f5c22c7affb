"""The rules of reference/data/story_lines.csv in a form that arrays can be compared with."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from claims_pipeline.generate.claims.providers import families
from claims_pipeline.generate.coding.coding_order import NONE
from claims_pipeline.reference import read_table

OFFICE_VISIT, ANY_VISIT = -2, -3
"""Codes that follow from the level of the visit; ANY_VISIT is an emergency visit in an emergency department."""
LAST_MONTH = 12 * 130
ANYBODY = {"from_age": 0, "to_age": 120, "sex": None}
_VISITS = {"office_visit": OFFICE_VISIT, "visit": ANY_VISIT}


@dataclass(frozen=True)
class Rule:
    """When a line belongs to a claim; NONE and empty text stand for "any".

    Attributes:
        code: row of the procedures table, or OFFICE_VISIT or ANY_VISIT.
        principal, any_diagnosis: numbers of families.
        from_age, to_age: narrowed to those whom the code fits.
        from_month, to_month: age in months.
        adds: row of the diagnosis that the line brings with it.
    """

    order: int
    slot: str
    code: int
    from_share: float
    to_share: float
    principal: int
    any_diagnosis: int
    patient: str
    payer: str
    sex: str
    from_age: int
    to_age: int
    by_video: bool
    min_units: int
    max_units: int
    adds: int
    from_month: int
    to_month: int


@cache
def rules_of(story: str) -> tuple[Rule, ...]:
    """Return the rules of a story in the order of its lines."""
    table, procedures = read_table("story_lines"), read_table("procedures")
    codes, diagnoses = procedures["hcpcs_code"].to_list(), read_table("diagnoses")["diagnosis_code"].to_list()
    rules = []
    for order, row in enumerate(table.iter_rows(named=True)):
        if row["story"] != story:
            continue
        code = _VISITS[row["hcpcs_code"]] if row["hcpcs_code"] in _VISITS else codes.index(row["hcpcs_code"])
        fits: dict[str, Any] = procedures.row(code, named=True) if code >= 0 else ANYBODY
        rules.append(
            Rule(
                order=order,
                slot=f"{story}/{row['slot']}",
                code=code,
                from_share=row["from_share"],
                to_share=row["to_share"],
                principal=_family(row["principal"]),
                any_diagnosis=_family(row["any"]),
                patient=row["patient"] or "",
                payer=row["payer"] or "",
                sex=fits["sex"] or "",
                from_age=max(row["from_age"], fits["from_age"]),
                to_age=min(row["to_age"], fits["to_age"]),
                by_video=bool(row["video"]),
                min_units=row["min_units"],
                max_units=row["max_units"],
                adds=diagnoses.index(row["adds"]) if row["adds"] else NONE,
                from_month=row["from_month"] or 0,
                to_month=LAST_MONTH if row["to_month"] is None else row["to_month"],
            )
        )
    return tuple(rules)


def _family(name: str | None) -> int:
    return families().index(name) + 1 if name else NONE
