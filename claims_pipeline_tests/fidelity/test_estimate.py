"""Standard errors of measured figures."""

import polars as pl
import pytest

from claims_pipeline.fidelity.estimate import Estimate, exact, quotient, rate, share, share_of


def test_a_share_has_the_binomial_error() -> None:
    assert share(50, 100) == Estimate(50.0, pytest.approx(5.0))
    assert share(5_000, 10_000) == Estimate(50.0, pytest.approx(0.5))


def test_a_share_of_rows_leaves_out_those_where_it_is_not_known() -> None:
    rows = pl.DataFrame({"is_new": [True, False, None, False, False]})
    assert share_of(rows, pl.col("is_new")) == share(1, 4)


def test_a_rate_and_a_quotient_have_the_error_of_counts() -> None:
    assert rate(400, 100) == Estimate(4.0, pytest.approx(0.2))
    assert quotient(100, 100) == Estimate(1.0, pytest.approx(0.1414, abs=1e-4))


def test_without_cases_there_is_no_figure() -> None:
    assert [share(0, 0), rate(0, 0), quotient(3, 0), exact(None)] == [None] * 4


def test_a_figure_in_another_unit_keeps_its_relative_error() -> None:
    assert Estimate(2.0, 0.5).scaled(10) == Estimate(20.0, 5.0)
