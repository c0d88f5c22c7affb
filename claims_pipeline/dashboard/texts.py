"""Texts that people type to find patients, providers and codes: which are accepted, and what they match."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

_PRINTED = r"[^\x00-\x1f\x7f-\x9f]"
_PRINTABLE = f"^{_PRINTED}*$"
_WITH_A_WORD = rf"^{_PRINTED}*[^\x00-\x1f\x7f-\x9f\s,]{_PRINTED}*$"


def _without_control_characters(text: str) -> str:
    if not re.fullmatch(_PRINTABLE, text):
        raise ValueError("should be a text without control characters")
    return text


ValueText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_without_control_characters),
    Field(json_schema_extra={"pattern": _PRINTABLE}),
]


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case and without commas between them."""
    return text.lower().replace(",", " ").split()


def _more_than_a_comma(text: str) -> str:
    if not words_of(text):  # no last name and no first name would match everybody
        raise ValueError("should be an id, a name, or 'Last, First'")
    return text


PatientText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_without_control_characters),
    AfterValidator(_more_than_a_comma),
    Field(json_schema_extra={"pattern": _WITH_A_WORD}),
]

_NAME_MATCHES = "contains(search_name, ?)"
_LAST_AND_FIRST_NAME_MATCH = "contains(lower(last_name), ?) and contains(lower(first_name), ?)"
_ID_MATCHES = "contains(lower(patient_id), ?)"


def patient_condition(text: str) -> tuple[str, list[str]]:
    """Return the SQL condition over patients_current for a search text, and the values of its placeholders.

    The text is an id or a part of one (with a digit in it), parts of the names in any order, or parts of "Last, First";
    upper and lower case are the same.
    """
    words = text.lower().split()
    text = " ".join(words)
    last, comma, first = (part.strip() for part in text.partition(","))
    if comma:
        return _LAST_AND_FIRST_NAME_MATCH, [last, first]
    names_match = " and ".join([_NAME_MATCHES] * len(words))
    if any(character.isdigit() for character in text):  # "patient" alone is no id, but might be part of a name
        return f"({_ID_MATCHES} or {names_match})", [text, *words]
    return names_match, words
