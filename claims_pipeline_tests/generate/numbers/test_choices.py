import numpy as np
import pytest

from claims_pipeline.generate.numbers.choices import KeyedChoice, WeightedChoice, WeightTable
from claims_pipeline.generate.numbers.draws import Draws

DRAWS = Draws(5)
MANY = np.arange(200_000)


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


def test_keyed_options_are_chosen_by_the_weights_of_their_row() -> None:
    choice = KeyedChoice(["c", "a", "b"], [[1, 3, 0], [0, 0, 5], [2, 2, 4]])
    bits = DRAWS.bits("choice", MANY)
    shares = [np.bincount(choice.choose(bits, np.full(len(MANY), row)), minlength=3) / len(MANY) for row in range(3)]
    assert np.array(shares) == pytest.approx(np.array([[0.25, 0.75, 0], [0, 0, 1], [0.25, 0.25, 0.5]]), abs=0.005)
    assert (choice.choose(bits) == choice.choose(bits, np.zeros(len(MANY), dtype=int))).all()


def test_an_option_that_is_added_takes_its_share_and_moves_no_other_choice() -> None:
    names, weights = ["a", "b", "c", "d"], np.array([4.0, 1.0, 2.0, 3.0])
    bits = DRAWS.bits("choice", MANY)
    before = np.array(names)[KeyedChoice(names, weights).choose(bits)]
    more = ["a", "b", "new", "c", "d"]
    after = np.array(more)[KeyedChoice(more, np.insert(weights, 2, 2.5)).choose(bits)]
    assert (after[after != "new"] == before[after != "new"]).all()
    assert (after == "new").mean() == pytest.approx(0.2, abs=0.005)
    assert (before[after == "new"] == "a").mean() == pytest.approx(0.4, abs=0.01)


def test_neither_the_order_of_options_nor_other_rows_decide_a_choice() -> None:
    names, weights = [f"code {number}" for number in range(30)], np.random.default_rng(1).random((5, 30))
    bits, rows = DRAWS.bits("choice", MANY), MANY % 5
    chosen = KeyedChoice(names, weights).choose(bits, rows)
    assert (29 - KeyedChoice(names[::-1], weights[:, ::-1]).choose(bits, rows) == chosen).all()
    assert (KeyedChoice(names, weights[2]).choose(bits[rows == 2]) == chosen[rows == 2]).all()


def test_choices_of_different_streams_and_nearby_keys_are_independent() -> None:
    names = [f"{number}" for number in range(8)]
    choice = KeyedChoice(names, np.ones(8))
    joint = np.bincount(choice.choose(DRAWS.bits("x", MANY)) * 8 + choice.choose(DRAWS.bits("y", MANY)), minlength=64)
    expected = len(MANY) / 64
    assert ((joint - expected) ** 2 / expected).sum() < 120  # chi-square with 63 degrees of freedom: 1 in 30,000
    neighbours = choice.choose(DRAWS.bits("x", MANY))
    joint = np.bincount(neighbours[:-1] * 8 + neighbours[1:], minlength=64)
    assert ((joint - expected) ** 2 / expected).sum() < 120


def test_a_choice_without_elements_is_empty() -> None:
    choice = KeyedChoice(["a", "b"], [[1, 2], [2, 1]])
    assert choice.choose(DRAWS.bits("choice", MANY[:0]), MANY[:0]).tolist() == []
    assert choice.choose(DRAWS.bits("choice", MANY[:0])).tolist() == []


@pytest.mark.parametrize("size", [1, 3, 1_000])
@pytest.mark.parametrize("share_with_weight", [1.0, 0.02])
def test_one_of_many_is_chosen_by_a_number_s_place_among_the_running_sums(size: int, share_with_weight: float) -> None:
    options = np.arange(size)
    weights = DRAWS.uniform("weight", options) * (DRAWS.uniform("has weight", options) < share_with_weight)
    weights[size // 2] = 1.0
    sums, numbers = np.cumsum(weights), DRAWS.uniform("number", np.arange(20_000))

    chosen = WeightedChoice(sums).choose(numbers)

    assert (chosen == np.searchsorted(sums, numbers * sums[-1], side="right")).all()
    assert WeightedChoice(sums).choose(np.array([0.0, 1 - 2**-53])).tolist() == [
        np.flatnonzero(weights)[0],
        np.flatnonzero(weights)[-1],
    ]
