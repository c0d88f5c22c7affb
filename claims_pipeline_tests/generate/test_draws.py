import numpy as np
import pytest

from claims_pipeline.generate.draws import SCATTER, Draws, WeightTable, pair, unpair

DRAWS = Draws(5)
MANY = np.arange(200_000)


def test_a_draw_does_not_depend_on_which_others_are_made() -> None:
    whole = DRAWS.bits("stream", MANY)
    assert (DRAWS.bits("stream", MANY[::-7]) == whole[::-7]).all()
    assert DRAWS.bits("stream", 123)[0] == whole[123]


def test_streams_and_seeds_differ() -> None:
    draws = (DRAWS.uniform("a", MANY), DRAWS.uniform("b", MANY), Draws(6).uniform("a", MANY))
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.01


def test_uniform_numbers_fill_their_range_evenly() -> None:
    numbers = DRAWS.uniform("even", MANY)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, bins=50, range=(0, 1))
    assert np.abs(counts / 4_000 - 1).max() < 0.08


def test_integers_stay_below_their_own_limit() -> None:
    limits = MANY % 9 + 1
    assert (DRAWS.below("limit", MANY, limits) < limits).all()
    assert set(DRAWS.below("die", MANY, 6).tolist()) == set(range(6))


def test_normal_numbers_have_mean_0_and_deviation_1() -> None:
    numbers = DRAWS.normal("normal", MANY)
    assert numbers.mean() == pytest.approx(0, abs=0.01)
    assert numbers.std() == pytest.approx(1, abs=0.01)


def test_options_are_chosen_by_the_weights_of_their_row() -> None:
    table = WeightTable([[1, 3, 0], [0, 0, 5]])
    first = table.choose(DRAWS.bits("choice", MANY), np.zeros(len(MANY), dtype=int))
    assert np.bincount(first, minlength=3) / len(MANY) == pytest.approx([0.25, 0.75, 0], abs=0.01)
    assert (table.choose(DRAWS.bits("choice", MANY), np.ones(len(MANY), dtype=int)) == 2).all()


def test_a_choice_does_not_depend_on_the_other_rows_of_the_table() -> None:
    weights = np.random.default_rng(1).random((40, 7))
    bits, rows = DRAWS.bits("choice", MANY), MANY % 40
    together = WeightTable(weights).choose(bits, rows)
    alone = WeightTable(weights[17:18]).choose(bits[rows == 17], np.zeros((rows == 17).sum(), dtype=int))
    assert (together[rows == 17] == alone).all()


def test_a_pair_of_numbers_is_one_counter() -> None:
    first, second = MANY % 500 - 250, MANY // 500
    counters = pair(first, second)
    assert len(np.unique(counters)) == len(MANY)
    assert all((back == given).all() for back, given in zip(unpair(counters), (first, second), strict=True))


@pytest.mark.parametrize("size", [1, 2, 10, 97, 1_000])
def test_scattered_places_are_a_permutation(size: int) -> None:
    places = np.arange(size, dtype=np.uint64) * SCATTER % np.uint64(size)
    assert sorted(places.tolist()) == list(range(size))
