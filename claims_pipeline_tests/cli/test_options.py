from datetime import date

from claims_pipeline.cli.options import asked_range


def test_a_range_has_its_first_and_its_last_day() -> None:
    assert asked_range(None, "2025-02-27", "2025-03-01") == (date(2025, 2, 27), date(2025, 3, 1))


def test_a_range_of_one_day_and_one_day_are_the_same() -> None:
    one_day = (date(2025, 1, 15), date(2025, 1, 15))
    assert asked_range(None, "2025-01-15", "2025-01-15") == asked_range("2025-01-15", None, None) == one_day


def test_a_range_may_be_open_at_either_end() -> None:
    assert asked_range(None, "2025-01-15", None) == (date(2025, 1, 15), None)
    assert asked_range(None, None, "2025-01-15") == (None, date(2025, 1, 15))


def test_without_options_no_days_are_chosen() -> None:
    assert asked_range(None, None, None) is None
