"""Weighted choices: one of some options for each random number, the same whatever else is chosen.

`KeyedChoice` chooses rows of reference tables by their codes, `WeightTable` one of a few options by weights that differ
from row to row, `WeightedChoice` one of very many.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from claims_pipeline.generate.numbers.draws import FIRST_FACTOR, SECOND_FACTOR, Bits, Floats, Integers, key_of


class KeyedChoice:
    """Chooses one of some options by weights that differ from row to row, whatever the order of the options.

    Each option has a clock that rings after an exponential time with its weight as rate, drawn from the option's key;
    the first to ring is chosen. So an option that is added takes its share from the others, and moves no other choice.

    Args:
        keys: what each option is known by, all different.
        weights: shape (rows, options), not negative, each row with a sum above 0.
    """

    def __init__(self, keys: Sequence[str], weights: ArrayLike) -> None:
        by_key = np.argsort(np.array(keys, dtype=np.str_))
        table = np.atleast_2d(np.asarray(weights, dtype=np.float64))[:, by_key]
        self._counts = np.count_nonzero(table, axis=1).astype(np.int16)  # sorted by radix
        first_possible = np.argsort(table == 0, axis=1, kind="stable")[:, : self._counts.max()]
        with np.errstate(divide="ignore"):
            self._seconds = np.ascontiguousarray(1 / np.take_along_axis(table, first_possible, axis=1).T)
        self._options = by_key[first_possible]
        of_option = np.array([key_of(key) for key in keys], dtype=np.uint64)
        self._keys = np.ascontiguousarray(of_option[self._options].T)

    def choose(self, bits: Bits, row: ArrayLike = 0) -> Integers:
        """Return the index of an option for each element of `bits`, by the weights of its `row`."""
        rows = np.asarray(row, dtype=np.int64)
        chosen, work = np.empty(len(bits), dtype=np.int64), _Work(min(BLOCK, len(bits)))
        for begin in range(0, len(bits), BLOCK):
            block = slice(begin, begin + BLOCK)
            if rows.ndim == 0:
                chosen[block] = self._first_of_all(bits[block], int(rows), work)
            else:
                chosen[block] = self._first(bits[block], rows[block], work)
        return chosen

    def _first_of_all(self, bits: Bits, row: int, work: "_Work") -> Integers:
        """Return the option whose clock rings first for each element, all with the weights of one row."""
        best, winner = work.start(len(bits))
        for place in range(self._counts[row]):
            rings = work.rings(bits, self._keys[place, row])
            rings *= self._seconds[place, row]
            work.keep(rings, best, winner, place)
        chosen: Integers = self._options[row, winner]
        return chosen

    def _first(self, bits: Bits, rows: Integers, work: "_Work") -> Integers:
        """Return the option whose clock rings first for each element, by the weights of its row."""
        best, winner = work.start(len(bits))
        # those with the most options come first, so that at each place those that have one are in front
        order = np.argsort(-self._counts[rows], kind="stable")
        bits, rows = bits[order], rows[order]
        left = np.searchsorted(-self._counts[rows], -np.arange(len(self._keys), dtype=np.int16))
        for place, size in enumerate(left):
            row = rows[:size]
            rings = work.rings(bits[:size], work.taken(self._keys[place], row))
            rings *= self._seconds[place].take(row, mode="wrap")
            work.keep(rings, best[:size], winner[:size], place)
        chosen = np.empty_like(rows)
        chosen[order] = self._options[rows, winner]
        return chosen


class _Work:
    """Arrays that are used again for each option: their size stays in the processor's cache."""

    def __init__(self, size: int) -> None:
        self._bits, self._other = np.empty((2, size), dtype=np.uint64)
        self._rings, self._best = np.empty((2, size))
        self._is_first, self._winner = np.empty(size, dtype=np.bool_), np.empty(size, dtype=np.int16)

    def start(self, size: int) -> tuple[Floats, NDArray[np.int16]]:
        """Return the times of the first ring, none yet, and the places of the options that ring first."""
        best, winner = self._best[:size], self._winner[:size]
        best.fill(np.inf)
        winner.fill(0)
        return best, winner

    def taken(self, keys: Bits, rows: Integers) -> Bits:
        """Return the keys at some rows, until the next rings."""
        return keys.take(rows, out=self._other[: len(rows)], mode="wrap")

    def rings(self, bits: Bits, keys: Bits | np.uint64) -> Floats:
        """Return when clocks ring, until the next ones: exponential times with rate 1."""
        size = len(bits)
        mixed, other, rings = self._bits[:size], self._other[:size], self._rings[:size]
        np.bitwise_xor(bits, keys, out=mixed)
        mixed *= FIRST_FACTOR
        np.right_shift(mixed, np.uint64(32), out=other)
        mixed ^= other
        mixed *= SECOND_FACTOR
        mixed >>= np.uint64(48)
        return _clocks().take(mixed.view(np.int64), out=rings, mode="wrap")

    def keep(self, rings: Floats, best: Floats, winner: NDArray[np.int16], place: int) -> None:
        """Note the option at a place as the winner where it rings before the best so far."""
        is_first = np.less(rings, best, out=self._is_first[: len(rings)])
        np.minimum(best, rings, out=best)
        np.maximum(winner, is_first * np.int16(place), out=winner)  # places come in order


OPTIONS_A_BEGIN = 2
"""About this many options lie between two places where a search begins, in `WeightedChoice`."""
MOST_STEPS = 8
"""Number of options looked at one after the other, at most; many in a row may have no weight."""
BLOCK = 16_384
"""Number of choices that are made at a time: their arrays stay in the processor's cache."""


@cache
def _clocks() -> Floats:
    """Return exponential times by 16 random bits."""
    times: Floats = -np.log((np.arange(2**16) + 0.5) / 2**16)
    return times


class WeightTable:
    """Chooses one of some options, which are no rows of reference tables, by weights that differ from row to row.

    Thresholds are integers, so that a choice does not depend on which other rows are in the table.

    Args:
        weights: shape (rows, options), not negative, each row with a sum above 0.
    """

    def __init__(self, weights: ArrayLike) -> None:
        table = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        self.options = table.shape[1]
        thresholds = np.empty(table.shape, dtype=np.int64)  # many times faster than to unsigned numbers
        rows = max(1, BLOCK // self.options)
        for begin in range(0, len(table), rows):
            cumulative = np.cumsum(table[begin : begin + rows], axis=1)
            cumulative /= cumulative[:, -1:] * 2.0**-32
            thresholds[begin : begin + rows] = cumulative
            thresholds[begin : begin + rows] += np.arange(begin, begin + len(cumulative))[:, None] << 33
        self._thresholds = thresholds.view(np.uint64).ravel()

    def choose(self, bits: Bits, row: ArrayLike = 0) -> Integers:
        """Return the index of an option for each element of `bits`, by the weights of its `row`."""
        rows = np.asarray(row, dtype=np.uint64)
        wanted = (bits >> np.uint64(32)) + (rows << np.uint64(33))
        found: Integers = np.searchsorted(self._thresholds, wanted, side="right")
        found -= rows.astype(np.int64) * self.options
        return found


class WeightedChoice:
    """Chooses one of very many options by their weights: where to begin to look is looked up.

    A binary search among a million sums is more than ten times slower, because each of its steps waits for memory.

    Args:
        sums: the running sum of the weights.
    """

    def __init__(self, sums: Floats) -> None:
        self._sums = sums
        size = 1 << (len(sums) // OPTIONS_A_BEGIN).bit_length()
        begins = np.arange(size) / size * sums[-1]  # rounded as the numbers searched for, so that none is too late
        self._begins = np.searchsorted(sums, begins, side="right").clip(0, len(sums) - 1).astype(np.int32)

    def choose(self, uniform: Floats) -> Integers:
        """Return the index of an option for each random number of [0, 1)."""
        sums, wanted, last = self._sums, uniform * self._sums[-1], len(self._sums) - 1
        found: Integers = self._begins[(uniform * len(self._begins)).astype(np.int64)].astype(np.int64)
        left = np.flatnonzero(sums[found] <= wanted)
        for _ in range(MOST_STEPS):
            if not len(left):
                return found
            found[left] = np.minimum(found[left] + 1, last)
            left = left[sums[found[left]] <= wanted[left]]
        found[left] = np.searchsorted(sums, wanted[left], side="right").clip(0, last)
        return found
