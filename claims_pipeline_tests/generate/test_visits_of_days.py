"""The visits behind the claims of some days."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.generate import write_visits
from claims_pipeline.generate.claims.plan import versions_of
from claims_pipeline.generate.visits_of_days import visits_of_chunks, years_of_visits
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.schema import VISITS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=5, patients=300, claims=4_000, start_date=date(2025, 7, 1), end_date=date(2026, 3, 31))
DAYS = [date(2025, 11, 20) + timedelta(days=number) for number in range(90)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("visits"))
    write_visits(lake, FEED, [2025, 2026])
    return lake


@pytest.mark.parametrize("size", [1, 7, 90])
@pytest.mark.parametrize("rows_a_group", [200, 100_000])
def test_each_chunk_gets_the_visits_whose_claims_have_a_version_on_its_days(
    lake: Lake, size: int, rows_a_group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same whether a group of rows holds many chunks, or a chunk needs many groups."""
    monkeypatch.setattr("claims_pipeline.generate.visits_of_days.ROW_GROUP", rows_a_group)
    chunks = [DAYS[begin : begin + size] for begin in range(0, len(DAYS), size)]
    visits = pl.concat([lake.read(VISITS, date(year, 1, 1)) for year in (2025, 2026)])

    with lake.writer() as writer:
        found = list(visits_of_chunks(writer, FEED, chunks))

    for chunk, rows in zip(chunks, found, strict=True):
        expected = visits[versions_of(FEED, visits, chunk).claim].unique()
        assert rows.sort("received_date", "claim_index").equals(expected.sort("received_date", "claim_index"))


def test_a_year_that_another_process_replaces_meanwhile_is_read_to_its_end(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claims_pipeline.generate.visits_of_days.ROW_GROUP", 50)
    copy = Lake(tmp_path / "lake")
    shutil.copytree(lake.root, copy.root)
    chunks = [[day] for day in DAYS[:30]]
    with lake.writer() as writer:
        expected = list(visits_of_chunks(writer, FEED, chunks))

    with copy.writer() as writer:
        found = visits_of_chunks(writer, FEED, chunks)
        first = next(found)
        lake.read(VISITS, date(2025, 1, 1)).head(60).write_parquet(tmp_path / "other")
        (tmp_path / "other").replace(copy.path(VISITS, date(2025, 1, 1)))
        rest = list(found)

    assert all(one.equals(other) for one, other in zip([first, *rest], expected, strict=True))


def test_days_need_the_visits_of_the_two_months_before() -> None:
    assert list(years_of_visits(FEED, [date(2026, 2, 28)])) == [2025, 2026]
    assert list(years_of_visits(FEED, [date(2026, 3, 31)])) == [2026]
