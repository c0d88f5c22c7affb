from datetime import date

from claims_pipeline.cli.options import days_between


def test_a_range_has_its_first_and_its_last_day() -> None:
    days = days_between(None, "2025-02-27", "2025-03-01")
    assert days == [date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 1)]


def test_a_range_of_one_day_and_one_day_are_the_same() -> None:
    assert (
        days_between(None, "2025-01-15", "2025-01-15") == days_between("2025-01-15", None, None) == [date(2025, 1, 15)]
    )


def test_without_options_no_days_are_chosen() -> None:
    assert days_between(None, None, None) is None
