"""Checks of rows before they are rendered: what is not escaped must not need it, and nothing may be missing."""

import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.fhir.template import Slot, Template, slots

SHOWN_ROWS = 3


class ValuesNotAllowed(DataError):
    """Rows that FHIR cannot hold; the message has their ids, and only `with_values` also the values."""

    def __init__(self, message: str, *, with_values: str) -> None:
        super().__init__(message, fix="correct these rows: FHIR cannot hold them")
        self.with_values = with_values


def require_allowed_values(frame: pl.DataFrame, template: Template, *, id_column: str) -> None:
    """Check that the columns of `frame` hold what the slots of `template` allow.

    Raises:
        ValuesNotAllowed: a required value is missing, or a value does not match its slot's pattern; all columns are
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
        shown, with_values = zip(*problems, strict=True)
        raise ValuesNotAllowed("; ".join(shown), with_values="; ".join(with_values))


def _is_wrong(slot: Slot, is_required: bool) -> pl.Expr | None:
    value = pl.col(slot.column)
    if slot.pattern and (is_required or not slot.is_text):
        return (~value.str.contains(slot.pattern)).fill_null(is_required)
    return value.is_null() if is_required else None


def _problem(rows: pl.DataFrame, column: str, id_column: str) -> tuple[str, str]:
    """Return which rows are wrong, without and with their values."""
    first = rows.select(pl.col(id_column).alias("id"), pl.col(column).alias("value")).head(SHOWN_ROWS).rows()
    first = [(row_id or "a row without an id", value) for row_id, value in first]
    ids = ", ".join(f"{row_id} (missing)" if value is None else str(row_id) for row_id, value in first)
    values = ", ".join(f"{value!r} in {row_id}" for row_id, value in first)
    more = f" and {rows.height - SHOWN_ROWS} more rows" if rows.height > SHOWN_ROWS else ""
    wrong = f"{column} is missing or not allowed"
    return f"{wrong} in {ids}{more}", f"{wrong}: {values}{more}"
