"""All figures hold on two years of the default feed, and a lake that is not like it misses them."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.fidelity import FidelityReport, measure
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline.schema import ENROLLMENT
from claims_pipeline.settings import Settings

TWO_YEARS = Feed(
    seed=Settings.model_fields["seed"].default,
    patients=20_000,
    claims=200_000,
    start_date=date(2024, 1, 1),
    end_date=date(2025, 12, 31),
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("fidelity") / "lake")
    generate_range(lake, TWO_YEARS, start=TWO_YEARS.start_date, end=TWO_YEARS.end_date, jobs=2)
    return lake


@pytest.fixture(scope="module")
def report(lake: Lake) -> FidelityReport:
    return measure(lake)


@pytest.mark.heavy
def test_every_figure_holds_on_two_years_of_the_default_feed(report: FidelityReport) -> None:
    assert [f"{one.row} {one.part}: {one.generated}" for one in report.misses] == []
    assert {one.row for one in report.measurements if one.verdict == "holds"} == {*range(1, 33)}


@pytest.mark.heavy
def test_every_row_of_the_calibration_is_measured(report: FidelityReport) -> None:
    assert len(report.measurements) == read_table("calibration").height
    assert all(one.generated is not None for one in report.measurements)


@pytest.mark.heavy
def test_the_report_reads_as_a_table_and_as_json(report: FidelityReport) -> None:
    assert "1. Established patients' office visits, primary care" in report.render()
    judged = [one for one in report.measurements if one.verdict != "reported"]
    assert len(judged) >= 73
    assert report.render().endswith(f"{len(judged)} of {len(judged)} hold, 0 miss")
    assert report.to_json()["measurements"][0]["part"] == "99211"


@pytest.mark.heavy
def test_people_without_conditions_miss_the_figures_about_conditions(lake: Lake) -> None:
    original = lake.read(ENROLLMENT)
    nobody = original.with_columns(pl.lit([], dtype=pl.List(pl.String)).alias("condition_codes"))
    try:
        with lake.writer() as writer:
            writer.add(ENROLLMENT, nobody)
        assert {one.row for one in measure(lake).misses} == {10}
    finally:
        with lake.writer() as writer:
            writer.add(ENROLLMENT, original)


@pytest.mark.heavy
def test_a_small_lake_is_called_too_small_instead_of_missing(tmp_path: Path) -> None:
    feed = Feed(seed=1, patients=20, claims=100, start_date=date(2025, 1, 1), end_date=date(2025, 2, 28))
    lake = Lake(tmp_path / "lake")
    generate_range(lake, feed, start=feed.start_date, end=feed.end_date)
    report = measure(lake)
    assert not report.is_large_enough
    assert report.misses == ()
    assert "too small" in {one.verdict for one in report.measurements}
    assert "presume 24 months" in report.render()


def test_the_first_day_of_a_feed_is_measured_although_nobody_has_been_treated_and_billed_yet(tmp_path: Path) -> None:
    feed = Feed(seed=1, patients=300, claims=2, start_date=date(2025, 1, 1), end_date=date(2025, 1, 2))
    lake = Lake(tmp_path / "lake")
    generate_range(lake, feed, start=feed.start_date, end=feed.start_date)

    figures = {one.row: one.generated for one in measure(lake).measurements}

    assert figures[27] is None


def test_a_folder_without_a_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no generated lake"):
        measure(Lake(tmp_path))
