import numpy as np
import pytest

from claims_pipeline.generate.numbers.draws import (
    SCATTER,
    Draws,
    KeyedChoice,
    WeightedChoice,
    WeightTable,
    key_of,
    keys_of,
    pair,
    unpair,
)

DRAWS = Draws(5)
MANY = np.arange(200_000)
BITS = [4197003365801213239, 5853287862611448336]
NORMAL = [0.10062204009832, -2.15174763356616]


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


def test_a_key_is_that_of_its_text_on_any_machine() -> None:
    assert key_of("99213") == 0x51EFBC26B203A0B2
    assert keys_of(["99213", ""]).tolist() == [key_of("99213") >> 32, key_of("") >> 32]


def test_draws_are_the_same_on_any_machine() -> None:
    assert DRAWS.bits("stream", [0, 1]).tolist() == BITS
    assert DRAWS.uniform("stream", [0, 1]).tolist() == [bits / 2**64 // 2**-53 * 2**-53 for bits in BITS]
    assert DRAWS.below("stream", [0, 1], 1_000).tolist() == [(bits >> 33) * 1_000 >> 31 for bits in BITS]
    assert DRAWS.normal("stream", [0, 1]) == pytest.approx(NORMAL, abs=1e-12)


def test_a_pair_of_numbers_is_one_counter() -> None:
    first, second = MANY % 500 - 250, MANY // 500
    counters = pair(first, second)
    assert len(np.unique(counters)) == len(MANY)
    assert all((back == given).all() for back, given in zip(unpair(counters), (first, second), strict=True))


@pytest.mark.parametrize("size", [1, 2, 10, 97, 1_000])
def test_scattered_places_are_a_permutation(size: int) -> None:
    places = np.arange(size, dtype=np.uint64) * SCATTER % np.uint64(size)
    assert sorted(places.tolist()) == list(range(size))


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
