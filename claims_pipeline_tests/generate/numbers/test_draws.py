import numpy as np
import pytest

from claims_pipeline.generate.numbers.draws import SCATTER, Draws, key_of, keys_of, pair, unpair

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
