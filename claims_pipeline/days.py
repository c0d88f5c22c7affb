"""Parsing of days, which are written as 2025-01-31 everywhere."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_day(text: str) -> date:
    """Return the day that is written as 2025-01-31.

    (`date.fromisoformat` also takes 20250131 and 2025-W05-5, and pydantic takes a number for seconds since 1970.)

    Raises:
        ValueError: the text has another form, or there is no such day.
    """
    if _FORM.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError(f"should be a day such as 2025-01-31, not {text!r}")


def _parsed(value: Any) -> date:
    return value if isinstance(value, date) else parse_day(str(value))


Day = Annotated[date, BeforeValidator(_parsed)]
"""The type of a day in a pydantic model."""
