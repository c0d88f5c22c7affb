"""A day reads what it must know of all people from the lake, with the same rows as if it drew them."""

import errno
import shutil
from datetime import date
from pathlib import Path

import pytest

from claims_pipeline.generate import write_claims, write_coverages, write_patients, write_visits
from claims_pipeline.generate.people import people_file, population
from claims_pipeline.generate.people.people_file import PEOPLE_FILE
from claims_pipeline.generate.schedule import calendar, in_turn
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=77, patients=300, claims=900, start_date=date(2024, 11, 1), end_date=date(2025, 1, 31))
DAY = date(2025, 1, 8)
CENTRAL_DIRECTORY = b"PK\x01\x02"
"""Signature of an entry of a zip archive's directory; the version needed and the flags follow at 6 and 8."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people") / "lake"
    write_visits(Lake(root), FEED, [2025])
    return root


@pytest.fixture
def lake(made: Path, tmp_path: Path) -> Lake:
    """A lake with the years of a feed and the people of them, in a process that knows nobody yet."""
    _forget()
    return Lake(shutil.copytree(made, tmp_path / "lake"))


def _forget() -> None:
    for module in (calendar, in_turn, population):
        for value in vars(module).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()


def _digests(lake: Lake) -> list[str]:
    for write in (write_patients, write_coverages, write_claims):
        write(lake, FEED, [DAY])
    return [lake.digest(table, DAY) for table in (PATIENTS, COVERAGES, CLAIMS)]


def test_a_day_of_a_year_that_is_made_draws_nobody_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population, "households_of", None)
    monkeypatch.setattr(calendar, "turns_a_year", None)
    assert len(_digests(lake)) == 3


def test_a_day_has_the_same_bytes_with_and_without_the_file(lake: Lake) -> None:
    with_file = _digests(lake)
    _forget()
    (lake.root / PEOPLE_FILE).unlink()
    assert _digests(lake) == with_file


def test_a_lake_without_the_file_gets_it_with_the_next_day(lake: Lake) -> None:
    file = lake.root / PEOPLE_FILE
    content = file.read_bytes()
    file.unlink()
    write_patients(lake, FEED, [DAY])
    assert file.read_bytes() == content


@pytest.mark.parametrize("part", [slice(0, 0), slice(0, 900), slice(900, None)], ids=["empty", "cut", "headless"])
def test_a_damaged_file_is_made_anew(lake: Lake, part: slice) -> None:
    expected = _digests(lake)
    _forget()
    file = lake.root / PEOPLE_FILE
    content = file.read_bytes()
    file.write_bytes(content[part])
    assert _digests(lake) == expected
    assert file.read_bytes() == content


@pytest.mark.parametrize(("field", "value"), [(6, 210), (8, 1)], ids=["a later version of zip", "encrypted"])
def test_a_file_that_zipfile_does_not_support_is_made_anew(lake: Lake, field: int, value: int) -> None:
    expected = _digests(lake)
    _forget()
    file = lake.root / PEOPLE_FILE
    content = file.read_bytes()
    damaged = bytearray(content)
    damaged[content.index(CENTRAL_DIRECTORY) + field] = value
    file.write_bytes(damaged)
    assert _digests(lake) == expected
    assert file.read_bytes() == content


def test_a_lake_in_which_the_file_cannot_stand_goes_without_it(lake: Lake) -> None:
    expected = _digests(lake)
    _forget()
    (lake.root / PEOPLE_FILE).unlink()
    (lake.root / PEOPLE_FILE).mkdir()
    (lake.root / PEOPLE_FILE / "something").touch()
    assert _digests(lake) == expected


def test_a_full_disk_ends_nothing_that_was_written(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _digests(lake)
    (lake.root / PEOPLE_FILE).unlink()
    monkeypatch.setattr(people_file, "write_atomically", _no_space)
    assert _digests(lake) == expected


def _no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_file_of_another_feed_is_not_used(lake: Lake, tmp_path: Path) -> None:
    expected = _digests(lake)
    other = Lake(tmp_path / "other")
    write_visits(other, FEED.model_copy(update={"seed": 78, "claims": 90}), [2024])
    _forget()
    (lake.root / PEOPLE_FILE).write_bytes((other.root / PEOPLE_FILE).read_bytes())
    assert _digests(lake) == expected
