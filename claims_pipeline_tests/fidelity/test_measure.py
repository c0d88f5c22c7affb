"""All figures hold on two years of a feed of the default density, and a lake that is not like it misses them."""

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.fidelity import FidelityReport, measure
from claims_pipeline.fidelity.estimate import Figures
from claims_pipeline.fidelity.report import ERRORS_BEYOND, verdict_of
from claims_pipeline.fidelity.sample import Sample, sample_of
from claims_pipeline.fidelity.screening import (
    colorectal_screening,
    hemoglobin_tests,
    influenza_vaccinations,
    mammograms,
)
from claims_pipeline.fidelity.use import emergency_visits_by_payer, new_patients, office_visits_a_member
from claims_pipeline.fidelity.visits import asthma_seasons, holiday_weeks, visit_levels
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline.schema import ENROLLMENT
from claims_pipeline.settings import CLAIMS_A_PERSON_AND_YEAR, Settings

TWO_YEARS = Feed(
    seed=Settings.model_fields["seed"].default,
    patients=round(100_000 / CLAIMS_A_PERSON_AND_YEAR),
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
def sample(lake: Lake) -> Sample:
    """The lake's sample with its claims in memory: else each figure reads the files of 730 days anew."""
    whole = sample_of(lake)
    first_versions, claims = pl.collect_all([whole.first_versions, whole.claims])
    return replace(whole, first_versions=first_versions.lazy(), claims=claims.lazy())


def measured(lake: Lake, sample: Sample) -> FidelityReport:
    """Return the report on the lake from the claims in memory; what is known of members is read anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[measure.__module__], "sample_of", lambda _: replace(sample))
        return measure(lake)


@pytest.fixture(scope="module")
def report(lake: Lake, sample: Sample) -> FidelityReport:
    return measured(lake, sample)


@pytest.mark.heavy
def test_every_figure_holds_on_two_years_of_the_default_feed(report: FidelityReport) -> None:
    assert [f"{one.row} {one.part}: {one.generated}" for one in report.misses] == []
    assert {one.row for one in report.measurements if one.verdict == "holds"} == {*range(1, 41)} - {33}


@pytest.mark.heavy
def test_every_row_of_the_calibration_is_measured(report: FidelityReport) -> None:
    assert len(report.measurements) == read_table("calibration").height
    assert all(one.generated is not None for one in report.measurements)


@pytest.mark.heavy
def test_the_report_reads_as_a_table_and_as_json(report: FidelityReport) -> None:
    assert "1. Established patients' office visits, primary care" in report.render()
    judged = [one for one in report.measurements if one.verdict != "reported"]
    assert len(judged) >= 88
    assert report.render().endswith(
        f" of {len(judged)} figures hold, 0 miss, 0 are uncertain, {report.too_small} cannot be judged (lake too small)"
    )
    assert report.to_json()["measurements"][0]["part"] == "99211"
    assert report.to_json()["measurements"][0]["source"].startswith("AAFP FPM")


@pytest.mark.heavy
def test_no_figure_is_so_uncertain_that_a_lake_far_from_its_target_would_not_miss(report: FidelityReport) -> None:
    errors = [
        (one.part, ERRORS_BEYOND * one.standard_error, one.high - one.low)
        for one in report.measurements
        if one.standard_error is not None and one.low is not None and one.high is not None
    ]
    assert len(errors) > 60
    assert [part for part, error, width in errors if error >= width / 2] == []


def thinned(sample: Sample, codes: str, *, when: pl.Expr | None = None) -> Sample:
    """Return the sample without half of the claims with some codes, of the days `when` if that is given."""
    has = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code").str.contains(codes)).list.any()
    is_lost = has & (pl.col("claim_id").hash(1) % 2 == 0) & (pl.lit(True) if when is None else when)
    return replace(sample, claims=sample.claims.filter(~is_lost))


def verdicts(row: int, figures: Figures) -> dict[str, str]:
    rows = read_table("calibration").filter(row=row).iter_rows(named=True)
    return {
        one["part"]: verdict_of(figures[one["part"]], one["low"], one["high"], is_large=True)
        for one in rows
        if one["part"] in figures
    }


@pytest.mark.heavy
def test_a_lake_with_half_of_the_services_misses_the_figures_about_them(sample: Sample) -> None:
    summer = pl.col("claim_start_date").dt.month().is_between(6, 8)
    in_may = pl.col("claim_start_date").dt.month() == 5

    assert verdicts(28, colorectal_screening(thinned(sample, "^(453|G0121)"))) == {"45 to 75": "misses"}
    assert verdicts(37, mammograms(thinned(sample, "^77067$"))) == {"women of 52 to 74": "misses"}
    assert verdicts(38, hemoglobin_tests(thinned(sample, "^83036$"))) == {"with diabetes": "misses"}
    assert verdicts(39, influenza_vaccinations(thinned(sample, "^906")))["65 and over"] == "misses"
    assert verdicts(35, emergency_visits_by_payer(thinned(sample, "^9928")))["all"] == "misses"
    assert verdicts(34, office_visits_a_member(thinned(sample, "^99[23]")))["all ages"] == "misses"
    assert verdicts(36, new_patients(thinned(sample, "^99(20[2-5]|38[1-7])")))["primary care"] == "misses"
    assert verdicts(2, visit_levels(thinned(sample, "^99203$"), "9920", range(2, 6)))["99203"] == "misses"
    assert verdicts(25, asthma_seasons(thinned(sample, ".", when=summer)))["winter against summer"] == "misses"
    assert (
        verdicts(6, holiday_weeks(thinned(sample, ".", when=in_may & (pl.col("claim_start_date").dt.day() > 25))))[
            "Memorial Day"
        ]
        == "misses"
    )


@pytest.mark.heavy
def test_people_without_conditions_miss_the_figures_about_conditions(lake: Lake, sample: Sample) -> None:
    original = lake.read(ENROLLMENT)
    nobody = original.with_columns(pl.lit([], dtype=pl.List(pl.String)).alias("condition_codes"))
    try:
        with lake.writer() as writer:
            writer.add(ENROLLMENT, nobody)
        assert {one.row for one in measured(lake, sample).misses} == {10, 38}
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
    assert "less than the 24 months" in report.render()


def test_the_first_day_of_a_feed_is_measured_although_nobody_has_been_treated_and_billed_yet(tmp_path: Path) -> None:
    feed = Feed(seed=1, patients=300, claims=2, start_date=date(2025, 1, 1), end_date=date(2025, 1, 2))
    lake = Lake(tmp_path / "lake")
    generate_range(lake, feed, start=feed.start_date, end=feed.start_date)

    figures = {one.row: one.generated for one in measure(lake).measurements}

    assert figures[27] is None


def test_a_folder_without_a_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no generated lake"):
        measure(Lake(tmp_path))
