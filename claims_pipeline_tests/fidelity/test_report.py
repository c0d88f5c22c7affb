"""What is said of a figure, and how the report reads."""

from datetime import date

import pytest

from claims_pipeline.fidelity.estimate import Estimate
from claims_pipeline.fidelity.report import FidelityReport, Measurement, Verdict, verdict_of


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Estimate(5.0, 1.0), "holds"),
        (Estimate(8.0), "holds"),
        (Estimate(9.9, 1.0), "uncertain"),
        (Estimate(2.1, 1.0), "uncertain"),
        (Estimate(10.1, 1.0), "misses"),
        (Estimate(1.9, 1.0), "misses"),
        (Estimate(8.1), "misses"),
        (None, "misses"),
    ],
)
def test_a_figure_misses_when_chance_does_not_explain_how_far_it_is_beyond_its_bounds(
    figure: Estimate | None, verdict: Verdict
) -> None:
    assert verdict_of(figure, 4.0, 8.0, is_large=True) == verdict


@pytest.mark.parametrize("figure", [Estimate(100.0), None])
def test_a_small_lake_misses_nothing(figure: Estimate | None) -> None:
    assert verdict_of(figure, 4.0, 8.0, is_large=False) == "too small"
    assert verdict_of(Estimate(5.0), 4.0, 8.0, is_large=False) == "holds"


def test_a_figure_without_bounds_is_reported() -> None:
    assert verdict_of(Estimate(5.0), None, None, is_large=True) == "reported"


def test_the_report_gives_the_error_and_says_what_its_words_mean() -> None:
    found = Measurement(2, "New patients", "99204", "percent", 31.5, 27.5, 35.5, 36.1, 2.4, "uncertain", "AAFP")
    report = FidelityReport("lake", date(2024, 1, 1), date(2025, 12, 31), 200_000, (found,))

    text = report.render()

    assert "2. New patients (percent)\n  AAFP\n" in text
    assert "99204 target 31.50 generated 36.10 +-2.40 bounds 27.50 .. 35.50 uncertain" in " ".join(text.split())
    assert "+-: standard error" in text
    assert text.endswith("0 of 1 figures hold, 0 miss, 1 are uncertain, 0 cannot be judged (lake too small)")


def test_the_report_of_a_small_lake_says_that_it_is_small() -> None:
    report = FidelityReport("lake", date(2025, 1, 1), date(2025, 1, 7), 1_000, ())
    assert "less than the 24 months and 200,000 claims that the bounds presume" in report.render()


def test_the_report_ends_with_the_figures_that_miss() -> None:
    found = Measurement(2, "New patients", "99204", "percent", 31.5, 27.5, 35.5, 46.1, 2.4, "misses")
    report = FidelityReport("lake", date(2024, 1, 1), date(2025, 12, 31), 200_000, (found,))
    assert report.render().splitlines()[-2] == "misses: 2. New patients: 99204"
