"""Which days of a lake a range means, and what is said about days that the lake lacks."""

from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.errors import ConfigError, DataError
from claims_pipeline.lake import Feed, Lake, chosen_days, days_from, require_feed
from claims_pipeline.schema import CLAIMS

FEED = Feed(seed=1, patients=10, claims=100, start_date=date(2025, 3, 1), end_date=date(2025, 3, 31))
HELD = [date(2025, 3, 1), date(2025, 3, 2), date(2025, 3, 4), date(2025, 3, 5)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that lacks March 3, and the days after the 5th."""
    lake = Lake(tmp_path / "lake")
    require_feed(lake.root, FEED)
    for day in HELD:
        lake.path(CLAIMS, day).parent.mkdir(parents=True)
        lake.path(CLAIMS, day).touch()
    return lake


def test_a_range_has_its_first_and_its_last_day(lake: Lake) -> None:
    assert chosen_days(lake, HELD[2], HELD[3]) == HELD[2:]
    assert chosen_days(lake, HELD[0], HELD[0]) == HELD[:1]


def test_an_open_end_is_the_first_or_the_last_day_of_the_lake(lake: Lake) -> None:
    assert chosen_days(lake, HELD[2], None) == HELD[2:]
    assert chosen_days(lake, None, HELD[1]) == HELD[:2]


@pytest.mark.parametrize(
    ("first", "last", "absent", "fix"),
    [
        (date(2025, 3, 2), date(2025, 3, 4), "2025-03-03", "claims generate"),
        (date(2025, 3, 2), None, "2025-03-03", "claims generate"),
        (None, date(2025, 3, 7), "2025-03-03, 2025-03-06, 2025-03-07", "claims generate"),
        (date(2025, 3, 6), None, "2025-03-06", "claims generate"),
        (date(2025, 4, 15), date(2025, 4, 15), "2025-04-15", "claims generate --until 2025-04-15"),
        (date(2025, 4, 15), None, "2025-04-15", "claims generate --until 2025-04-15"),
        (
            date(2025, 3, 30),
            date(2025, 4, 2),
            "2025-03-30, 2025-03-31, 2025-04-01, ...",
            "claims generate --until 2025-04-02",
        ),
        (None, date(2025, 2, 1), "2025-02-01", "choose days from 2025-03-01 on, on which the feed begins"),
    ],
)
def test_a_day_that_the_lake_lacks_is_named_with_what_makes_it(
    lake: Lake, first: date | None, last: date | None, absent: str, fix: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen_days(lake, first, last)

    assert caught.value.message == f"the lake has no partition of {absent}; it has 2025-03-01 to 2025-03-05"
    assert caught.value.fix == fix


def test_the_suggested_command_names_a_lake_that_is_not_that_of_the_home(lake: Lake) -> None:
    with pytest.raises(ConfigError) as caught:
        chosen_days(lake, date(2025, 4, 1), None, output=Path("/data/my lake"))

    assert caught.value.fix == "claims generate --until 2025-04-01 --output '/data/my lake'"


def test_without_a_lake_there_are_no_days(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no lake here"):
        chosen_days(Lake(tmp_path), None, date(2025, 1, 1))


def test_days_from_a_first_to_a_last_one_have_both() -> None:
    assert days_from(date(2025, 2, 27), date(2025, 3, 1)) == [date(2025, 2, 27), date(2025, 2, 28), date(2025, 3, 1)]
