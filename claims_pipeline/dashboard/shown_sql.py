"""A query as text that can be run as it is: `duckdb -readonly analytics.duckdb`."""

from collections.abc import Sequence
from datetime import date
from typing import Any

RUN_AS_IT_IS = "Returns the same on a copy of analytics.duckdb."
"""Description of a field with a query."""


def shown_sql(sql: str, parameters: Sequence[Any]) -> str:
    """Return a query with its values in the place of the placeholders, and without empty lines."""
    pieces = sql.split("?")
    values = [*map(_literal, parameters), ""]
    text = "".join(piece + value for piece, value in zip(pieces, values, strict=True))
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def _literal(value: Any) -> str:
    match value:
        case date():
            return f"date '{value}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            return str(value)
