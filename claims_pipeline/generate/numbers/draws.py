"""Random numbers without state: each is a hash of (seed, stream, counter).

The hash is SplitMix64's finaliser (Steele, Lea, Flood 2014) over a counter that is spread by the golden ratio and
shifted by a key of the stream. So any draw can be made alone, in any order, on any machine, with the same result.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Bits = NDArray[np.uint64]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

SCATTER = np.uint64(2_654_435_761)
"""A prime: its multiples modulo n visit each of 0..n-1 once, in a scattered order."""

FIRST_FACTOR, SECOND_FACTOR = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
"""By which SplitMix64 multiplies: products of these spread each bit over the higher ones."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Draws:
    """The random numbers of one seed. A `stream` names the decision, a `counter` who or what is decided on."""

    seed: int

    def bits(self, stream: str, counter: ArrayLike) -> Bits:
        """Return 64 random bits for each counter."""
        digest = hashlib.sha256(f"{self.seed}/{stream}".encode()).digest()
        state = np.array(counter, dtype=np.uint64, ndmin=1)
        state *= _SPREAD
        state += np.uint64(int.from_bytes(digest[:8], "little"))
        state ^= state >> np.uint64(30)
        state *= FIRST_FACTOR
        state ^= state >> np.uint64(27)
        state *= SECOND_FACTOR
        state ^= state >> np.uint64(31)
        return state

    def uniform(self, stream: str, counter: ArrayLike) -> Floats:
        """Return a number of [0, 1) for each counter."""
        high = (self.bits(stream, counter) >> np.uint64(11)).astype(np.float64)
        high *= 2.0**-53
        return high

    def below(self, stream: str, counter: ArrayLike, limit: ArrayLike) -> Integers:
        """Return an integer of [0, limit) for each counter; limits are below 2**31."""
        high = (self.bits(stream, counter) >> np.uint64(33)).astype(np.int64)
        return (high * np.asarray(limit, dtype=np.int64)) >> 31

    def normal(self, stream: str, counter: ArrayLike) -> Floats:
        """Return standard normal numbers (Box-Muller)."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(f"{stream}/radius", counter)))
        return radius * np.cos(2.0 * np.pi * self.uniform(f"{stream}/angle", counter))


def key_of(text: str) -> int:
    """Return a number below 2**64 for a text, such as a code: it stands for the row of a reference table in draws.

    A row's position does not: it changes when rows are inserted before it.
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def keys_of(texts: Iterable[str]) -> Integers:
    """Return a number below 2**32 for each text, as the second one of `pair`."""
    return np.array([key_of(text) >> 32 for text in texts], dtype=np.int64)


def pair(first: ArrayLike, second: ArrayLike) -> Bits:
    """Return one counter for two numbers: the first within 32 bits with a sign, the second below 2**32."""
    return (np.asarray(first).astype(np.uint64) << np.uint64(32)) | np.asarray(second).astype(np.uint64)


def unpair(counters: Bits) -> tuple[Integers, Integers]:
    """Return the two numbers that `pair` made counters of."""
    first = (counters >> np.uint64(32)).astype(np.uint32).view(np.int32)
    return first.astype(np.int64), (counters & np.uint64(0xFFFFFFFF)).astype(np.int64)


def narrowed(values: Integers, kind: type[np.signedinteger[Any]] = np.int32) -> Integers:
    """Return numbers in fewer bytes, which they must fit into."""
    return values.astype(kind)


NO_COUNTER = np.uint64(2**64 - 1)
"""Stands where a counter of a claim is missing: no claim has it, while 0 is the first claim of January 1, 1970."""
