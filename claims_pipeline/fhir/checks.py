"""Checks of rows before they are rendered: what is not escaped must not need it, and nothing may be missing."""

import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.fhir.template import Slot, Template, slots

SHOWN_ROWS = 3


def require_allowed_values(frame: pl.DataFrame, template: Template, *, id_column: str) -> None:
    """Hold the columns of `frame` to what the slots of `template` need.

    Raises:
        DataError: a required value is missing, or a value does not match its slot's pattern; all columns are
            listed, each with the ids of its first rows.
    """
    conditions: dict[str, pl.Expr] = {}
    for slot, is_required in dict.fromkeys(slots(template)):
        if (condition := _is_wrong(slot, is_required)) is not None:
            known = conditions.get(slot.column)
            conditions[slot.column] = condition if known is None else known | condition
    found = frame.select(**{column: condition.any() for column, condition in conditions.items()})
    wrong = [column for column in found.columns if found[column].any()]
    if wrong:
        problems = [_problem(frame.filter(conditions[column]), column, id_column) for column in wrong]
        raise DataError("; ".join(problems), fix="correct these rows: FHIR cannot hold them")


def _is_wrong(slot: Slot, is_required: bool) -> pl.Expr | None:
    value = pl.col(slot.column)
    if slot.pattern and (is_required or not slot.is_text):
        return (~value.str.contains(slot.pattern)).fill_null(is_required)
    return value.is_null() if is_required else None


def _problem(rows: pl.DataFrame, column: str, id_column: str) -> str:
    first = rows.select(pl.col(id_column).alias("id"), pl.col(column).alias("value")).head(SHOWN_ROWS)
    shown = ", ".join(f"{value!r} in {row_id}" for row_id, value in first.iter_rows())
    more = f" and {rows.height - SHOWN_ROWS} more rows" if rows.height > SHOWN_ROWS else ""
    return f"{column} is missing or not allowed: {shown}{more}"
