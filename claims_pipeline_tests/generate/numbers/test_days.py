"""Days as integers."""

from datetime import date, timedelta

import numpy as np
import pytest

from claims_pipeline.generate.numbers.days import day_number, month_start, months_since_epoch, year_of, year_start


@pytest.mark.parametrize("first", [date(1, 1, 1), date(1848, 12, 1), date(2024, 1, 1), date(2149, 10, 1)])
def test_years_and_months_are_those_of_the_calendar_in_any_century(first: date) -> None:
    dates = [first + timedelta(days=offset) for offset in range(800)]
    days = np.array([day_number(day) for day in dates])
    months = months_since_epoch(days)
    assert year_of(days).tolist() == [day.year for day in dates]
    assert months.tolist() == [(day.year - 1970) * 12 + day.month - 1 for day in dates]
    assert month_start(months).tolist() == [day_number(day.replace(day=1)) for day in dates]
    assert year_start(year_of(days)).tolist() == [day_number(date(day.year, 1, 1)) for day in dates]


def test_no_day_has_no_year() -> None:
    assert year_of(np.zeros(0, dtype=np.int64)).tolist() == []
