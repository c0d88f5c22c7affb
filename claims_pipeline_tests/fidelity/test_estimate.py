"""Standard errors of measured figures."""

import numpy as np
import polars as pl
import pytest

from claims_pipeline.fidelity.estimate import (
    Estimate,
    exact,
    quotient,
    rank_correlation,
    rate,
    share,
    share_of,
    share_of_highest,
)


def rounded(figure: Estimate | None) -> tuple[float, float]:
    assert figure is not None
    return round(figure.value, 3), round(figure.error, 3)


def test_a_share_has_the_binomial_error() -> None:
    assert rounded(share(50, 100)) == (50.0, 5.0)
    assert rounded(share(5_000, 10_000)) == (50.0, 0.5)


def test_a_share_of_rows_leaves_out_those_where_it_is_not_known() -> None:
    rows = pl.DataFrame({"is_new": [True, False, None, False, False]})
    assert share_of(rows, pl.col("is_new")) == share(1, 4)


def test_a_rate_and_a_quotient_have_the_error_of_counts() -> None:
    assert rounded(rate(400, 100)) == (4.0, 0.2)
    assert rounded(quotient(100, 100)) == (1.0, 0.141)


def test_without_cases_there_is_no_figure() -> None:
    assert [share(0, 0), rate(0, 0), quotient(3, 0), exact(None)] == [None] * 4


def test_a_figure_in_another_unit_keeps_its_relative_error() -> None:
    assert Estimate(2.0, 0.5).scaled(10) == Estimate(20.0, 5.0)


def test_what_the_highest_have_of_all_scatters_among_samples_as_its_error_says() -> None:
    random = np.random.default_rng(1)
    found = [share_of_highest(np.exp(random.normal(size=2_000)), 0.05) for _ in range(200)]
    amounts = np.arange(1.0, 101.0)

    assert share_of_highest(amounts, 0.05).value == pytest.approx(100 * (96 + 97 + 98 + 99 + 100) / 5_050, rel=0.01)
    assert share_of_highest(-amounts, 0.5).value == pytest.approx(100 * 1_275 / 5_050, rel=0.01)
    assert np.std([one.value for one in found]) == pytest.approx(np.mean([one.error for one in found]), rel=0.25)


def test_a_rank_correlation_of_few_pairs_is_uncertain() -> None:
    pairs = pl.DataFrame({"a": [1, 2, 3, 4, 5, 6], "b": [1, 2, 3, 4, 6, 5]})
    found = rank_correlation(pairs, "a", "b")
    assert found is not None
    assert found.value == pytest.approx(0.942857, abs=1e-6)
    assert found.error == pytest.approx((1 - found.value**2) * (1.06 / 3) ** 0.5)
    assert rank_correlation(pairs.head(3), "a", "b") is None
