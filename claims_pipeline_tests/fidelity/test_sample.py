"""The part of a lake that figures are measured on."""

from datetime import date

import polars as pl
import pytest

from claims_pipeline.fidelity.sample import age_on


@pytest.mark.parametrize(
    ("birth", "age"),
    [
        (date(1972, 12, 31), 53),
        (date(1973, 1, 1), 52),
        (date(1973, 12, 31), 52),
        (date(1974, 1, 1), 51),
        (date(2024, 2, 29), 1),
    ],
)
def test_an_age_is_counted_in_completed_years(birth: date, age: int) -> None:
    people = pl.DataFrame({"birth_date": [birth]})
    assert people.select(age_on(date(2025, 12, 31))).item() == age
